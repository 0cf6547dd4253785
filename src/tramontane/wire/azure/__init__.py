"""Azure's two dialects: Azure AI Foundry's model inference, and Azure OpenAI."""
