"""What runs in CI and not in the cluster: the comment on pull requests, its posting, and the bill of materials."""
