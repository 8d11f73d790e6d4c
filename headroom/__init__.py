"""Headroom: from call history to a voice-AI stack that carries its burst."""
