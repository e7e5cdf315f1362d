"""Arguments of components that count something, or are a share of it."""


def require_sizes(**sizes: int | None) -> None:
    """Raises ValueError for a size below 1; None is a size that the program chooses."""
    for name, size in sizes.items():
        if size is not None and size < 1:
            raise ValueError(f"{name} is {size}; it must be at least 1")


def require_shares(**shares: float) -> None:
    """Raises ValueError for a share that is not from 0 to 1."""
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise _no_share(name, share)


def require_inner_shares(**shares: float) -> None:
    """Raises ValueError for a share that is not above 0 and below 1."""
    for name, share in shares.items():
        if not 0 < share < 1:
            raise _no_share(name, share)


def _no_share(name: str, value: float) -> ValueError:
    return ValueError(f"{name} is {value}; it must lie between 0 and 1")
