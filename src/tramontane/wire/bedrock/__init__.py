"""Amazon Bedrock's dialect, Converse: the side towards providers."""
