"""Arguments of components that count something."""


def require_sizes(**sizes: int | None) -> None:
    """Raises ValueError for a size below 1; None is a size that the program chooses."""
    for name, size in sizes.items():
        if size is not None and size < 1:
            raise ValueError(f"{name} is {size}; it must be at least 1")
