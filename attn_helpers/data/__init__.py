"""Data of the course: generated with the truth known, or real and taken from a package."""

from attn_helpers.lazy import loader

_HOMES = {
    "READINGS": "sentence",
    "RunningExample": "sentence",
    "running_example": "sentence",
    "PHOTOGRAPH_CREDIT": "images",
    "photograph": "images",
    "DOCUMENTATION_CREDIT": "topics",
    "Documentation": "topics",
    "documentation": "topics",
    "QUESTIONS": "questions",
    "Question": "questions",
    "EncoderAttention": "encoder",
    "encoder_attention": "encoder",
    "lamp": "four_tasks",
    "look_up": "four_tasks",
    "motif": "four_tasks",
    "wiring": "four_tasks",
    "noisy_curve": "curve",
    "true_curve": "curve",
    "Scenes": "scenes",
    "draw_scenes": "scenes",
    "TRANSLATION_READINGS": "translation_words",
    "as_text": "records",
    "measurements": "records",
    "SentencePair": "translation",
    "TranslationCorpus": "translation",
    "translation_corpus": "translation",
    "Vocabulary": "vocabulary",
}

__all__ = sorted(_HOMES)

__getattr__ = loader(__name__, _HOMES)


def __dir__():
    return __all__
