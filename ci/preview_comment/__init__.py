"""A Markdown comment made of what `pulumi preview` says it would do: ``python -m ci.preview_comment``."""
