"""The simulated company as data: its channels, offices, people, markets and products.

`deploy/agreements/acme.yaml` is the agreement that this company works under; a test holds the two together.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")

QUEUE: Final = "new-leads"
MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86400.0


class Odds(Generic[T]):
    """Things to choose among, each with its weight."""

    def __init__(self, choices: Sequence[tuple[T, float]]) -> None:
        total = sum(weight for _, weight in choices)
        self.things = tuple(thing for thing, _ in choices)
        self.weights = tuple(weight / total for _, weight in choices)
        self._edges = tuple(accumulate(self.weights))

    def at(self, share: float) -> T:
        """The thing in whose part of the whole `share` (0 to 1, 1 excluded) falls."""
        for thing, edge in zip(self.things, self._edges, strict=True):
            if share < edge:
                return thing
        return self.things[-1]


class Channel(NamedTuple):
    """Where visitors come from: `kind` is their first touch, `fit` how good they are as leads (1: average)."""

    name: str
    source: str
    kind: str
    fit: float
    campaigns: tuple[str, ...] = ()
    cost: float = 0.0
    """What a visitor costs, in BRL."""


CHANNELS: Final = Odds(
    [
        (Channel("organic_search", "/site", "page_view", 1.15), 28),
        (Channel("paid_search", "/ads", "ad_click", 1.0, ("brand", "erp_pme", "crm_latam"), 6.5), 20),
        (Channel("social", "/ads", "ad_click", 0.55, ("reels_q", "founders"), 3.2), 16),
        (Channel("direct", "/site", "page_view", 1.1), 11),
        (Channel("email", "/marketing", "email_click", 1.3, ("newsletter", "webinar_invite"), 0.4), 8),
        (Channel("display", "/ads", "ad_click", 0.2, ("retargeting", "prospecting"), 1.9), 7),
        (Channel("referral", "/site", "page_view", 1.9), 6),
        (Channel("events", "/events", "booth_visit", 1.6, ("expo_sp", "foro_cdmx"), 38.0), 3),
    ]
)
UNTRACKED: Final = Channel("", "/site", "page_view", 0.9)
"""Visitors of whom nobody knows where they came from: their touchpoints name no channel."""

PAGES: Final = ("/", "/precos", "/precios", "/produto/crm", "/producto/erp", "/clientes", "/blog/sla-vendas")
CONTENTS: Final = ("guide-smarketing", "roi-calculator", "case-logistica", "case-salud", "checklist-sla")
FORMS: Final = Odds([("newsletter", 30), ("guide-smarketing", 30), ("webinar-signup", 15), ("demo-request", 25)])
WEBINARS: Final = ("webinar-pipeline", "webinar-vendas-mkt", "webinar-cierre-fiscal")
REJECTIONS: Final = Odds([("no_fit", 40), ("no_budget", 25), ("bad_data", 15), ("duplicate", 8), ("no_answer", 12)])
LOSSES: Final = Odds([("price", 35), ("competitor", 25), ("no_decision", 30), ("timing", 10)])


class Segment(NamedTuple):
    """A size of customer: the range of its employees and the median of its yearly deal, in US dollars."""

    name: str
    employees: tuple[int, int]
    deal: float
    fit: float


SEGMENTS: Final = Odds(
    [
        (Segment("small", (2, 49), 1_400, 0.85), 62),
        (Segment("mid", (50, 499), 7_500, 1.15), 30),
        (Segment("enterprise", (500, 9_000), 42_000, 1.3), 8),
    ]
)


class Market(NamedTuple):
    """A country: its currency, what a US dollar is in it, how its domains end, its dialling code."""

    country: str
    team: str
    currency: str
    per_dollar: float
    domain: str
    dial: str


MARKETS: Final = Odds(
    [
        (Market("BR", "brazil", "BRL", 5.2, "com.br", "+55"), 55),
        (Market("MX", "mexico", "MXN", 18.5, "com.mx", "+52"), 20),
        (Market("CO", "andes", "USD", 1.0, "com.co", "+57"), 10),
        (Market("AR", "cone", "USD", 1.0, "com.ar", "+54"), 8),
        (Market("CL", "cone", "USD", 1.0, "cl", "+56"), 4),
        (Market("PE", "andes", "USD", 1.0, "com.pe", "+51"), 3),
    ]
)

FIRST_NAMES: Final = (
    "Ana", "Beatriz", "Caio", "Daniela", "Emiliano", "Fabíola", "Gonçalo", "Héctor", "Inés", "João",
    "Karina", "Lucía", "Márcio", "Núria", "Otávio", "Paloma", "Raúl", "Sofía", "Thiago", "Ximena",
)  # fmt: skip
LAST_NAMES: Final = (
    "Almeida", "Barbosa", "Castillo", "Domínguez", "Espíndola", "Fuentes", "Gómez", "Hernández", "Ibáñez",
    "Lima", "Muñoz", "Nogueira", "Ortiz", "Peixoto", "Quintana", "Ribeiro", "Souza", "Toledo", "Vega",
)  # fmt: skip
COMPANY_WORDS: Final = (
    "Aço", "Andina", "Bahía", "Cacau", "Cerrado", "Condor", "Estrela", "Farol", "Girassol", "Horizonte",
    "Jacarandá", "Litoral", "Maré", "Ñandú", "Ouro", "Pampa", "Quetzal", "Sabiá", "Tucumán", "Vértice",
)  # fmt: skip
COMPANY_TRADES: Final = (
    "Logística", "Alimentos", "Têxtil", "Saúde", "Educación", "Software", "Móveis", "Agro", "Seguros",
    "Construcción", "Farma", "Energía", "Turismo", "Autopeças", "Varejo",
)  # fmt: skip
INTERESTS: Final = (["crm"], ["erp"], ["crm", "erp"], ["billing"], ["crm", "support"])


class Calendar(NamedTuple):
    """Opening hours by weekday (Monday is 0) as pairs of local hours, less a country's holidays."""

    zone: str
    week: dict[int, tuple[tuple[float, float], ...]]
    country: str
    subdivision: str | None = None
    categories: tuple[str, ...] = ("public",)


def _week(
    hours: tuple[tuple[float, float], ...], friday: tuple[tuple[float, float], ...] = ()
) -> dict[int, tuple[tuple[float, float], ...]]:
    return dict.fromkeys(range(4), hours) | {4: friday or hours}


_BRAZIL: Final = ("BR", "SP", ("public", "optional"))
CALENDARS: Final = {
    "office": Calendar("America/Sao_Paulo", _week(((9, 12), (13, 18)), ((9, 12), (13, 17))), *_BRAZIL),
    "mornings": Calendar("America/Sao_Paulo", _week(((8, 12),)), *_BRAZIL),
    "mexico": Calendar("America/Mexico_City", _week(((9, 14), (15, 18))), "MX"),
    "bogota": Calendar("America/Bogota", _week(((8, 12), (13, 17))), "CO"),
    "buenos_aires": Calendar("America/Argentina/Buenos_Aires", _week(((9, 13), (14, 18))), "AR"),
}


class Rep(NamedTuple):
    """A seller: how often a lead handed over is answered fast, late, or never; `away` as month, day, days."""

    id: str
    calendar: str
    fast: float = 0.0
    late: float = 0.0
    away: tuple[tuple[int, int, int], ...] = ()


CALLERS: Final = {
    "brazil": (
        Rep("carla", "mornings", 0.62, 0.13, ((1, 5, 12),)),
        Rep("diego", "office", 0.20, 0.40, ((7, 10, 14),)),
        Rep("fernanda", "office", 0.15, 0.23, ((2, 9, 10), (12, 20, 12))),
    ),
    "mexico": (
        Rep("gabriela", "mexico", 0.55, 0.15, ((4, 1, 10),)),
        Rep("hector", "mexico", 0.08, 0.27, ((8, 3, 14),)),
    ),
    "andes": (Rep("isabel", "bogota", 0.25, 0.35, ((12, 15, 14),)),),
    "cone": (Rep("joaquin", "buenos_aires", 0.25, 0.25, ((1, 10, 20),)),),
}
CLOSERS: Final = {
    "brazil": (Rep("livia", "office", away=((3, 2, 7),)), Rep("mateus", "office", away=((10, 5, 12),))),
    "mexico": (Rep("noemi", "mexico", away=((6, 8, 10),)),),
    "andes": (Rep("oscar", "buenos_aires", away=((2, 2, 14),)),),
    "cone": (Rep("oscar", "buenos_aires", away=((2, 2, 14),)),),
}
KEEPER: Final = Rep("rita", "office", away=((5, 4, 8),))
"""Customer success: renewals, expansions and refunds."""
