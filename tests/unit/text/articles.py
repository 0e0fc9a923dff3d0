"""Short articles for the tests: invented people and events."""

# ruff: noqa: E501 - articles have long lines

BRIDGE = """\
Engineers closed the Halden bridge on Tuesday after cracks were found in two of its pillars.
“We could not wait another day,” Transport Minister Ingrid Solheim said. “Safety comes before traffic.”
Mayor Tomás Arrieta told reporters that the city had asked for repairs in 2019, and again last spring.
According to the Norvale Roads Agency (NRA), about 14,000 cars cross the bridge each day. The NRA said a ferry would run from Thursday.
Arrieta, who is up for re-election, called the delay “a scandal.” He did not say who was to blame.
"""

MARKET = """\
OSLO — Shares of Bergström Holdings Ltd. fell 12% to $4.35 a share; the firm's 2nd-quarter loss widened to €1.2bn.
"Nobody saw it coming," said Dr. Amina Diallo, an analyst at First Castrel Bank in London. "It's worse than 2008 (we think)."
The U.S. Securities and Exchange Commission, or SEC, declined to comment. Bergström's chief executive, J. P. O'Hara Jr., resigned.
"""

ODD = "ALL CAPS HEADLINE: MAYOR QUITS!!!\n\n\n\t• bullet one — “unfinished\n\n• 5'10\" tall... e-mail: a@b.example   \u00a0\u200b\n#tag @you 😀👩‍👩‍👧 naïve cafe\u0301\n"

ALL = (BRIDGE, MARKET, ODD)
