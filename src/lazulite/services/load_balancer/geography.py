"""Where Azure's regions and the countries of clients are, and so which region is how near to whom.

The lab has no latencies to measure: the great circle stands for them. Source of the regions' places: "List of Azure
regions"; of the countries' codes: ISO 3166-1. Coordinates are rounded middles.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import asin, cos, radians, sin, sqrt
from typing import TypeAlias

Spot: TypeAlias = tuple[float, float]
"""Latitude and longitude, in degrees."""


def _spots(text: str) -> Mapping[str, Spot]:
    rows = (row.split() for row in text.split(";"))
    return {name: (float(latitude), float(longitude)) for name, latitude, longitude in rows}


REGIONS = _spots("""
local 47.6 -122.3; australiacentral -35.3 149.1; australiaeast -33.9 151.2; australiasoutheast -37.8 145.0;
austriaeast 48.2 16.4; belgiumcentral 50.8 4.4; brazilsouth -23.6 -46.6; brazilsoutheast -22.9 -43.2; canadacentral
43.7 -79.4; canadaeast 46.8 -71.2; centralindia 18.6 73.9; centralus 41.6 -93.6; centraluseuap 41.6 -93.6;
chilecentral -33.4 -70.7; eastasia 22.3 114.2; eastus 37.4 -79.0; eastus2 36.7 -78.4; eastus2euap 36.7 -78.4;
francecentral 48.9 2.4; francesouth 43.8 2.1; germanynorth 53.1 8.8; germanywestcentral 50.1 8.7; indonesiacentral
-6.2 106.8; israelcentral 31.3 33.5; italynorth 45.5 9.2; japaneast 35.7 139.8; japanwest 34.7 135.5;
jioindiacentral 21.1 79.1; jioindiawest 22.5 70.1; koreacentral 37.6 127.0; koreasouth 35.2 129.0; malaysiawest 3.1
101.7; mexicocentral 20.6 -100.4; newzealandnorth -36.8 174.8; northcentralus 41.9 -87.6; northeurope 53.3 -6.3;
norwayeast 59.9 10.8; norwaywest 59.0 5.7; polandcentral 52.2 21.0; qatarcentral 25.6 51.4; southafricanorth -25.7
28.2; southafricawest -34.1 18.8; southcentralus 29.4 -98.5; southeastasia 1.3 103.8; southindia 13.0 80.2;
spaincentral 40.4 -3.4; swedencentral 60.7 17.1; swedensouth 55.6 13.0; switzerlandnorth 47.5 8.6; switzerlandwest
46.2 6.1; uaecentral 24.5 54.4; uaenorth 25.3 55.3; uksouth 50.9 -0.8; ukwest 53.4 -3.1; westcentralus 40.9 -110.2;
westeurope 52.4 4.9; westindia 19.1 72.9; westus 37.8 -122.4; westus2 47.2 -119.9; westus3 33.4 -112.1
""")

COUNTRIES = _spots("""
AD 42 2; AE 24 54; AF 34 66; AG 17 -62; AI 18 -63; AL 41 20; AM 40 45; AO -12 18; AQ -80 0; AR -34 -62; AS -14 -171;
AT 48 14; AU -30 145; AW 12 -70; AX 60 20; AZ 40 48; BA 44 18; BB 13 -60; BD 24 90; BE 51 4; BF 12 -2; BG 43 25; BH
26 51; BI -3 30; BJ 9 2; BL 18 -63; BM 32 -65; BN 5 115; BO -17 -65; BQ 12 -68; BR -20 -47; BS 24 -76; BT 27 90; BV
-54 3; BW -22 24; BY 53 28; BZ 17 -89; CA 50 -95; CC -12 97; CD -3 23; CF 7 21; CG -1 15; CH 47 8; CI 8 -6; CK -21
-160; CL -33 -71; CM 6 12; CN 35 110; CO 4 -73; CR 10 -84; CU 22 -79; CV 16 -24; CW 12 -69; CX -10 106; CY 35 33; CZ
50 15; DE 51 10; DJ 12 43; DK 56 10; DM 15 -61; DO 19 -70; DZ 34 3; EC -1 -78; EE 59 26; EG 28 31; EH 24 -13; ER 15
39; ES 40 -4; ET 9 40; FI 62 26; FJ -18 178; FK -52 -59; FM 7 158; FO 62 -7; FR 47 2; GA -1 12; GB 53 -2; GD 12 -62;
GE 42 44; GF 4 -53; GG 49 -3; GH 8 -1; GI 36 -5; GL 65 -50; GM 13 -15; GN 10 -11; GP 16 -62; GQ 2 10; GR 39 22; GS
-54 -37; GT 15 -90; GU 13 145; GW 12 -15; GY 5 -59; HK 22 114; HM -53 73; HN 15 -87; HR 45 16; HT 19 -72; HU 47 19;
ID -5 110; IE 53 -8; IL 31 35; IM 54 -5; IN 21 78; IO -7 72; IQ 33 44; IR 32 53; IS 65 -18; IT 43 12; JE 49 -2; JM
18 -77; JO 31 36; JP 36 138; KE 0 38; KG 41 75; KH 12 105; KI 1 173; KM -12 43; KN 17 -63; KP 40 127; KR 36 128; KW
29 48; KY 19 -81; KZ 48 68; LA 18 103; LB 34 36; LC 14 -61; LI 47 10; LK 7 81; LR 6 -9; LS -30 28; LT 55 24; LU 50
6; LV 57 25; LY 29 17; MA 32 -6; MC 44 7; MD 47 29; ME 43 19; MF 18 -63; MG -19 47; MH 7 171; MK 42 22; ML 15 -5; MM
21 96; MN 47 105; MO 22 114; MP 15 146; MQ 15 -61; MR 20 -11; MS 17 -62; MT 36 14; MU -20 58; MV 4 73; MW -13 34; MX
23 -102; MY 4 102; MZ -18 35; NA -22 17; NC -21 165; NE 16 8; NF -29 168; NG 9 8; NI 13 -85; NL 52 5; NO 61 9; NP 28
84; NR -1 167; NU -19 -170; NZ -41 174; OM 21 56; PA 9 -80; PE -10 -76; PF -18 -149; PG -6 147; PH 13 122; PK 30 70;
PL 52 19; PM 47 -56; PN -25 -130; PR 18 -66; PS 32 35; PT 40 -8; PW 7 134; PY -23 -58; QA 25 51; RE -21 56; RO 46
25; RS 44 21; RU 56 38; RW -2 30; SA 24 45; SB -9 160; SC -5 55; SD 15 30; SE 60 16; SG 1 104; SH -16 -6; SI 46 15;
SJ 78 16; SK 49 19; SL 8 -12; SM 44 12; SN 14 -14; SO 5 46; SR 4 -56; SS 7 30; ST 1 7; SV 14 -89; SX 18 -63; SY 35
38; SZ -26 31; TC 22 -72; TD 15 19; TF -49 69; TG 9 1; TH 15 101; TJ 39 71; TK -9 -172; TL -9 126; TM 39 59; TN 34
10; TO -21 -175; TR 39 35; TT 10 -61; TV -8 179; TW 24 121; TZ -6 35; UA 49 32; UG 1 32; UM 19 167; US 39 -95; UY
-33 -56; UZ 41 65; VA 42 12; VC 13 -61; VE 8 -66; VG 18 -65; VI 18 -65; VN 16 108; VU -16 167; WF -13 -176; WS -14
-172; YE 15 48; YT -13 45; ZA -29 25; ZM -14 28; ZW -19 30
""")


@cache
def nearest_first(spot: Spot) -> tuple[str, ...]:
    """Azure's regions, from the nearest on."""
    return tuple(sorted(REGIONS, key=lambda region: (distance(spot, REGIONS[region]), region)))


def distance(one: Spot, other: Spot) -> float:
    """Along the great circle, as an angle (radians)."""
    first, second = radians(one[0]), radians(other[0])
    across = sin((first - second) / 2) ** 2 + cos(first) * cos(second) * sin(radians(one[1] - other[1]) / 2) ** 2
    return 2 * asin(sqrt(min(1.0, across)))
