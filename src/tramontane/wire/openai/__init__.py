"""The OpenAI dialect: what a request asks for, how answers stream, how errors are spelt.

Source: OpenAI's published API description (chat completions, models, errors).
"""
