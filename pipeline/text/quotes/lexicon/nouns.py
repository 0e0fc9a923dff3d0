"""Nouns that say what a name or a mention is: a role that a person has, a kind of organisation, a relation."""

KIN = frozenset(
    """wife husband son daughter brother sister father mother widow widower partner cousin uncle aunt niece nephew
    grandson granddaughter grandfather grandmother fiance fiancee""".split()
)
"""Relations: "his sister Ann" has his family's name where the article gives no other."""

ROLES = frozenset(
    """president chancellor minister secretary senator governor mayor chairman chairwoman chairperson chair spokesman
    spokeswoman spokesperson director general chief king queen prince princess pope judge justice ambassador
    commissioner professor leader adviser advisor executive officer colonel captain premier analyst economist attorney
    lawyer congressman congresswoman representative coach author editor founder councillor councilor councilman
    councilwoman alderman prosecutor detective inspector sergeant lieutenant admiral commander sheriff superintendent
    deputy manager head boss owner pastor priest bishop archbishop cardinal rabbi imam reverend doctor nurse surgeon
    scientist biologist historian geologist physicist chemist engineer architect artist painter singer actor actress
    conductor composer musician violinist pianist novelist writer poet journalist reporter columnist correspondent
    anchor host striker goalkeeper defender midfielder player champion grandmaster skipper teacher student pupil
    researcher pollster strategist consultant lobbyist activist campaigner candidate lawmaker legislator treasurer
    trustee banker broker trader investor farmer winemaker baker fisherman miner driver pilot hunter soldier
    veteran whistleblower resident neighbour neighbor witness survivor victim defendant plaintiff suspect official
    diplomat envoy negotiator speaker whip democrat republican premier vicar curator librarian principal dean rector
    provost entrepreneur developer chef butcher grocer shopkeeper carpenter plumber electrician mechanic gardener
    firefighter policeman policewoman constable paramedic midwife dentist vet psychologist psychiatrist therapist
    sociologist anthropologist astronomer mathematician linguist philosopher theologian ecologist zoologist botanist
    donor meteorologist seismologist climatologist statistician accountant auditor actuary woman man boy girl
    teenager customer passenger guest tourist visitor worker employee volunteer organiser organizer protester
    supporter fan voter viewer reader listener parent tenant landlord homeowner""".split()
)
"""What a person can be: before or behind a name it is a title, and "the …" alone may stand for the person."""

COMPANY = frozenset(
    """company firm group business corporation manufacturer maker retailer chain startup airline carrier giant lender
    utility operator publisher producer developer carmaker automaker drugmaker brand conglomerate supplier
    employer broadcaster insurer brewer supermarket builder contractor enterprise""".split()
)
"""Nouns that stand for a business that the article names."""

EPITHETS = frozenset(
    """republican democrat conservative socialist candidate nominee frontrunner contender hopeful incumbent challenger
    newcomer businessman businesswoman billionaire millionaire tycoon mogul star celebrity politician lawmaker native
    socialite veteran heir heiress magnate outsider populist liberal independent labourite tory""".split()
)
"""What news calls the one it has just spoken of: "the Wisconsin Republican", "the property tycoon"."""

MALE_NOUNS = frozenset("businessman congressman spokesman chairman heir councilman salesman".split())
FEMALE_NOUNS = frozenset("businesswoman congresswoman spokeswoman chairwoman heiress councilwoman saleswoman".split())

PLACE_WORDS = frozenset(
    """street avenue road boulevard house hall square park river lake mount mountain island islands beach bay valley
    hill hills airport station bridge tower building center centre capitol""".split()
)
"""Words that make a name a place's."""

LEGAL_FORMS = frozenset("inc inc. corp corp. corporation ltd ltd. limited plc llc gmbh ag co co. s.a. oyj asa".split())

BUSINESS_NAMES = (
    frozenset(
        """foods mills mining motors airways airlines air energy oil gas electric power steel chemicals pharma
    pharmaceuticals technologies technology systems software labs media entertainment studios pictures records
    capital partners ventures holdings industries international group brothers stores hotels railways rail shipping
    logistics telecom communications networks solutions insurance financial securities brewery breweries coffee
    financials properties homes construction engineering aerospace robotics semiconductor computers""".split()
    )
    | COMPANY
)
"""Words that make a name that of a business."""

INSTITUTIONS = frozenset(
    """agency ministry commission authority association union hospital museum university college school institute
    council department bureau committee club party court federation foundation society service services board bank
    church parliament senate congress assembly office bureau trust fund league police army navy guard force
    administration inspectorate laboratory observatory orchestra philharmonic theatre theater library academy chamber
    organisation organization alliance coalition network centre center clinic charity newspaper magazine times herald
    post tribune gazette newspaper television radio government cabinet team embassy treasury regulator watchdog
    municipality county city state nation country conference campaign coalition movement group guild cooperative
    consortium taskforce panel tribunal jury delegation company firm""".split()
)
"""Words for bodies: in a name they make it an organisation's, alone they may stand for one named before."""

ALSO_CALLED = {
    "airline": {"airways", "airlines", "air"}, "carrier": {"airways", "airlines", "air"},
    "newspaper": {"times", "herald", "post", "tribune", "gazette", "news", "journal", "daily"},
    "paper": {"times", "herald", "post", "tribune", "gazette", "news", "journal", "daily"},
    "broadcaster": {"radio", "television", "tv", "channel"}, "station": {"radio", "television", "tv", "channel"},
    "fund": {"capital", "partners", "fund", "investors"}, "investor": {"capital", "partners", "fund"},
    "miner": {"mining", "mines"}, "orchestra": {"philharmonic", "symphony"}, "lender": {"bank"},
    "team": {"united", "rovers", "city", "fc", "athletic"}, "club": {"united", "rovers", "fc", "athletic"},
    "utility": {"energy", "power", "electric", "gas", "water"}, "court": {"court", "tribunal"},
    "regulator": {"authority", "agency", "commission"}, "watchdog": {"authority", "agency", "commission"},
    "charity": {"foundation", "trust", "charity"}, "organisation": {"organization"}, "organization": {"organisation"},
    "school": {"school", "academy"}, "college": {"college"},
}  # fmt: skip
"""What names hold for which a noun stands: "the airline" is the one with Airways in its name."""

SAME_ROLE = {
    "premier": "minister", "attorney": "lawyer", "advisor": "adviser", "boss": "executive", "ceo": "executive",
    "chairperson": "chair", "chairman": "chair", "chairwoman": "chair", "spokesperson": "spokes",
    "spokesman": "spokes", "spokeswoman": "spokes", "congressman": "representative",
    "congresswoman": "representative", "councilor": "councillor", "councilman": "councillor",
    "councilwoman": "councillor", "skipper": "captain", "neighbor": "neighbour",
}  # fmt: skip
"""Roles that count as one."""

TALKS = frozenset(
    """statement statements interview speech address conference briefing letter e-mail email memo call rally hearing
    debate testimony release message article op-ed editorial column podcast broadcast remarks comments speeches
    interviews conversation chat talk lecture sermon keynote toast""".split()
)
"""Occasions and forms of speech."""


def role(noun: str) -> str:
    """The noun under which a role is kept."""
    return SAME_ROLE.get(noun, noun)
