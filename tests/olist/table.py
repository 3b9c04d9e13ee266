"""What must come out of Olist's data, which stay beside the project (their licence is non-commercial)."""

from decimal import Decimal
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "shared" / "data" / "olist"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="Olist's data are not beside the project (non-commercial)")
TABLE = {
    channel: (handed, won, Decimal(money))
    for channel, handed, won, money in (
        ("organic_search", 2296, 271, "207023.45"),
        ("paid_search", 1586, 195, "155277.05"),
        ("social", 1350, 75, "43477.99"),
        ("unknown", 1099, 179, "213742.70"),
        ("direct_traffic", 499, 56, "21903.90"),
        ("email", 493, 15, "8484.99"),
        ("referral", 284, 24, "17887.15"),
        ("other", 150, 4, "6888.65"),
        ("display", 118, 6, "923.00"),
        ("other_publicities", 65, 3, "0"),
        ("(none)", 60, 14, "1242.60"),
    )
}
"""MQLs, won leads and revenue in BRL by origin."""
