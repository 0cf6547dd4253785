"""Google's dialect, generateContent: the side towards providers."""
