"""Where things are: the regions of geographic routing, Azure's own, and how far those are from anywhere.

Source: "List of regions used for geographic traffic routing by Azure Traffic Manager" (codes and names); coordinates
are rounded middles of countries, states and metropolitan areas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from ipaddress import IPv4Network, IPv6Network
from math import asin, cos, radians, sin, sqrt
from typing import Any

import msgspec

WORLD = "WORLD"
HOP_MS, KM_A_MS = 2.0, 100.0
"""What a path costs however short it is, and how far light in glass comes and returns in a millisecond."""
_EARTH_KM = 6371.0
SERVICES_4 = IPv4Network("198.19.0.0/16")
SERVICES_6 = IPv6Network("2001:2:0:ffff::/64")
"""Simulated Azure services answer here: the second half of the lab's public pool."""

_GROUPS = {
    "GEO-EU": "Europe",
    "GEO-ME": "Middle East",
    "GEO-NA": "North America / Central America / Caribbean",
    "GEO-AS": "Asia",
    "GEO-AF": "Africa",
    "GEO-AN": "Antarctica",
    "GEO-SA": "South America",
    "GEO-AP": "Australia / Pacific",
}
_COUNTRIES = {
    "GEO-EU": """
AD 42 2 Andorra; AL 41 20 Albania; AT 48 14 Austria; AX 60 20 Åland Islands; BA 44 18 Bosnia and Herzegovina;
BE 51 4 Belgium; BG 43 25 Bulgaria; BY 53 28 Belarus; CH 47 8 Switzerland; CY 35 33 Cyprus; CZ 50 15 Czech Republic;
DE 51 10 Germany; DK 56 10 Denmark; EE 59 26 Estonia; ES 40 -4 Spain; FI 62 26 Finland; FO 62 -7 Faroe Islands;
FR 47 2 France; GB 53 -2 United Kingdom; GG 49 -3 Guernsey; GI 36 -5 Gibraltar; GR 39 22 Greece; HR 45 16 Croatia;
HU 47 19 Hungary; IE 53 -8 Ireland; IM 54 -5 Isle of Man; IS 65 -18 Iceland; IT 43 12 Italy; JE 49 -2 Jersey;
LI 47 10 Liechtenstein; LT 55 24 Lithuania; LU 50 6 Luxembourg; LV 57 25 Latvia; MC 44 7 Monaco; MD 47 29 Moldova;
ME 43 19 Montenegro; MK 42 22 North Macedonia; MT 36 14 Malta; NL 52 5 Netherlands; NO 61 9 Norway; PL 52 19 Poland;
PT 40 -8 Portugal; RO 46 25 Romania; RS 44 21 Serbia; RU 56 38 Russia; SE 60 16 Sweden; SI 46 15 Slovenia;
SJ 78 16 Svalbard; SK 49 19 Slovakia; SM 44 12 San Marino; UA 49 32 Ukraine; VA 42 12 Vatican City;
XJ 71 -8 Jan Mayen; XK 43 21 Kosovo""",
    "GEO-ME": """
AE 24 54 United Arab Emirates; BH 26 51 Bahrain; IL 31 35 Israel; IQ 33 44 Iraq; IR 32 53 Iran; JO 31 36 Jordan;
KW 29 48 Kuwait; LB 34 36 Lebanon; OM 21 56 Oman; PS 32 35 Palestinian Authority; QA 25 51 Qatar; SY 35 38 Syria;
SA 24 45 Saudi Arabia; TR 39 35 Türkiye; YE 15 48 Yemen""",
    "GEO-NA": """
AG 17 -62 Antigua and Barbuda; AI 18 -63 Anguilla; AW 12 -70 Aruba; BB 13 -60 Barbados; BL 18 -63 Saint Barthélemy;
BM 32 -65 Bermuda; BQ 12 -68 Bonaire; BS 24 -76 Bahamas; BZ 17 -89 Belize; CA 50 -95 Canada; CR 10 -84 Costa Rica;
CU 22 -79 Cuba; CW 12 -69 Curaçao; DM 15 -61 Dominica; DO 19 -70 Dominican Republic; GD 12 -62 Grenada;
GL 65 -50 Greenland; GP 16 -62 Guadeloupe; GT 15 -90 Guatemala; HN 15 -87 Honduras; HT 19 -72 Haiti; JM 18 -77 Jamaica;
KN 17 -63 Saint Kitts and Nevis; KY 19 -81 Cayman Islands; LC 14 -61 Saint Lucia; MF 18 -63 Saint Martin;
MQ 15 -61 Martinique; MS 17 -62 Montserrat; MX 23 -102 Mexico; NI 13 -85 Nicaragua; PA 9 -80 Panama;
PM 47 -56 Saint Pierre and Miquelon; PR 18 -66 Puerto Rico; SV 14 -89 El Salvador; SX 18 -63 Sint Maarten;
TC 22 -72 Turks and Caicos Islands; TT 10 -61 Trinidad and Tobago; UM 19 167 U.S. Outlying Islands;
US 39 -95 United States; VC 13 -61 Saint Vincent and the Grenadines; VG 18 -65 British Virgin Islands;
VI 18 -65 U.S. Virgin Islands; XE 17 -63 Sint Eustatius; XS 18 -63 Saba""",
    "GEO-AS": """
AF 34 66 Afghanistan; AM 40 45 Armenia; AZ 40 48 Azerbaijan; BD 24 90 Bangladesh; BN 5 115 Brunei; BT 27 90 Bhutan;
CC -12 97 Cocos (Keeling) Islands; CN 35 110 China; CX -10 106 Christmas Island; GE 42 44 Georgia;
HK 22 114 Hong Kong SAR; ID -5 110 Indonesia; IN 21 78 India; IO -7 72 British Indian Ocean Territory;
JP 36 138 Japan; KG 41 75 Kyrgyzstan; KH 12 105 Cambodia; KP 40 127 North Korea; KR 36 128 Korea;
KZ 48 68 Kazakhstan; LA 18 103 Laos; LK 7 81 Sri Lanka; MM 21 96 Myanmar; MN 47 105 Mongolia; MO 22 114 Macao SAR;
MV 4 73 Maldives; MY 4 102 Malaysia; NP 28 84 Nepal; PH 13 122 Philippines; PK 30 70 Pakistan; SG 1 104 Singapore;
TH 15 101 Thailand; TJ 39 71 Tajikistan; TL -9 126 Timor-Leste; TM 39 59 Turkmenistan; TW 24 121 Taiwan;
UZ 41 65 Uzbekistan; VN 16 108 Vietnam""",
    "GEO-AF": """
AO -12 18 Angola; BF 12 -2 Burkina Faso; BI -3 30 Burundi; BJ 9 2 Benin; BV -54 3 Bouvet Island; BW -22 24 Botswana;
CD -3 23 Congo (DRC); CF 7 21 Central African Republic; CG -1 15 Congo; CI 8 -6 Côte d'Ivoire; CM 6 12 Cameroon;
CV 16 -24 Cabo Verde; DJ 12 43 Djibouti; DZ 34 3 Algeria; EG 28 31 Egypt; ER 15 39 Eritrea; ET 9 40 Ethiopia;
GA -1 12 Gabon; GH 8 -1 Ghana; GM 13 -15 Gambia; GN 10 -11 Guinea; GQ 2 10 Equatorial Guinea; GW 12 -15 Guinea-Bissau;
KE 0 38 Kenya; KM -12 43 Comoros; LR 6 -9 Liberia; LS -30 28 Lesotho; LY 29 17 Libya; MA 32 -6 Morocco;
MG -19 47 Madagascar; ML 15 -5 Mali; MR 20 -11 Mauritania; MU -20 58 Mauritius; MW -13 34 Malawi; MZ -18 35 Mozambique;
NA -22 17 Namibia; NE 16 8 Niger; NG 9 8 Nigeria; RE -21 56 Réunion; RW -2 30 Rwanda; SC -5 55 Seychelles;
SD 15 30 Sudan; SH -16 -6 St Helena, Ascension, Tristan da Cunha; SL 8 -12 Sierra Leone; SN 14 -14 Senegal;
SO 5 46 Somalia; SS 7 30 South Sudan; ST 1 7 São Tomé and Príncipe; SZ -26 31 Swaziland; TD 15 19 Chad;
TF -49 69 French Southern Territories; TG 9 1 Togo; TN 34 10 Tunisia; TZ -6 35 Tanzania; UG 1 32 Uganda;
YT -13 45 Mayotte; ZA -29 25 South Africa; ZM -14 28 Zambia; ZW -19 30 Zimbabwe""",
    "GEO-AN": "AQ -80 0 Antarctica",
    "GEO-SA": """
AR -34 -62 Argentina; BO -17 -65 Bolivia; BR -20 -47 Brazil; CL -33 -71 Chile; CO 4 -73 Colombia; EC -1 -78 Ecuador;
FK -52 -59 Falkland Islands; GF 4 -53 French Guiana; GS -54 -37 South Georgia and South Sandwich Islands;
GY 5 -59 Guyana; PE -10 -76 Peru; PY -23 -58 Paraguay; SR 4 -56 Suriname; UY -33 -56 Uruguay; VE 8 -66 Venezuela""",
    "GEO-AP": """
AS -14 -171 American Samoa; AU -30 145 Australia; CK -21 -160 Cook Islands; FJ -18 178 Fiji; FM 7 158 Micronesia;
GU 13 145 Guam; HM -53 73 Heard Island and McDonald Islands; KI 1 173 Kiribati; MH 7 171 Marshall Islands;
MP 15 146 Northern Mariana Islands; NC -21 165 New Caledonia; NF -29 168 Norfolk Island; NR -1 167 Nauru;
NU -19 -170 Niue; NZ -41 174 New Zealand; PF -18 -149 French Polynesia; PG -6 147 Papua New Guinea;
PN -25 -130 Pitcairn Islands; PW 7 134 Palau; SB -9 160 Solomon Islands; TK -9 -172 Tokelau; TO -21 -175 Tonga;
TV -8 179 Tuvalu; VU -16 167 Vanuatu; WF -13 -176 Wallis and Futuna; WS -14 -172 Samoa""",
}
_STATES = {
    "GB": "ENG 52 -1 England; NIR 55 -7 Northern Ireland; SCT 56 -4 Scotland; WLS 52 -4 Wales",
    "CA": """
AB 54 -115 Alberta; BC 50 -122 British Columbia; MB 50 -97 Manitoba; NB 46 -66 New Brunswick;
NL 48 -54 Newfoundland and Labrador; NS 45 -63 Nova Scotia; NT 63 -115 Northwest Territories; NU 64 -69 Nunavut;
ON 44 -79 Ontario; PE 46 -63 Prince Edward Island; QC 46 -73 Québec; SK 52 -106 Saskatchewan;
YT 61 -135 Yukon Territory""",
    "US": """
AK 61 -150 Alaska; AL 33 -87 Alabama; AR 35 -92 Arkansas; AZ 33 -112 Arizona; CA 36 -120 California;
CO 40 -105 Colorado; CT 42 -73 Connecticut; DC 39 -77 District of Columbia; DE 39 -75 Delaware; FL 28 -82 Florida;
GA 33 -84 Georgia; HI 21 -158 Hawaii; IA 42 -93 Iowa; ID 44 -115 Idaho; IL 41 -88 Illinois; IN 40 -86 Indiana;
KS 38 -98 Kansas; KY 38 -85 Kentucky; LA 30 -91 Louisiana; MA 42 -71 Massachusetts; MD 39 -77 Maryland;
ME 44 -69 Maine; MI 43 -84 Michigan; MN 45 -94 Minnesota; MO 38 -92 Missouri; MS 33 -90 Mississippi;
MT 47 -110 Montana; NC 36 -79 North Carolina; ND 47 -100 North Dakota; NE 41 -97 Nebraska; NH 43 -71 New Hampshire;
NJ 40 -74 New Jersey; NM 35 -106 New Mexico; NV 37 -116 Nevada; NY 42 -75 New York; OH 40 -83 Ohio;
OK 35 -97 Oklahoma; OR 45 -122 Oregon; PA 40 -76 Pennsylvania; RI 42 -71 Rhode Island; SC 34 -81 South Carolina;
SD 44 -100 South Dakota; TN 36 -86 Tennessee; TX 31 -97 Texas; UT 40 -112 Utah; VA 38 -78 Virginia; VT 44 -73 Vermont;
WA 47 -122 Washington; WI 44 -89 Wisconsin; WV 39 -81 West Virginia; WY 42 -107 Wyoming""",
    "AU": """
ACT -35 149 Australian Capital Territory; NSW -34 151 New South Wales; NT -13 131 Northern Territory;
QLD -27 153 Queensland; SA -35 138 South Australia; TAS -43 147 Tasmania; VIC -38 145 Victoria;
WA -32 116 Western Australia""",
}

AZURE: Mapping[str, tuple[float, float, str]] = {
    "local": (47.6, -122.3, "US"),
    "australiacentral": (-35.3, 149.1, "AU"),
    "australiaeast": (-33.9, 151.2, "AU"),
    "australiasoutheast": (-37.8, 145.0, "AU"),
    "austriaeast": (48.2, 16.4, "AT"),
    "belgiumcentral": (50.8, 4.4, "BE"),
    "brazilsouth": (-23.6, -46.6, "BR"),
    "brazilsoutheast": (-22.9, -43.2, "BR"),
    "canadacentral": (43.7, -79.4, "CA"),
    "canadaeast": (46.8, -71.2, "CA"),
    "centralindia": (18.6, 73.9, "IN"),
    "centralus": (41.6, -93.6, "US"),
    "centraluseuap": (41.6, -93.6, "US"),
    "chilecentral": (-33.4, -70.7, "CL"),
    "eastasia": (22.3, 114.2, "HK"),
    "eastus": (37.4, -79.0, "US"),
    "eastus2": (36.7, -78.4, "US"),
    "eastus2euap": (36.7, -78.4, "US"),
    "francecentral": (48.9, 2.4, "FR"),
    "francesouth": (43.8, 2.1, "FR"),
    "germanynorth": (53.1, 8.8, "DE"),
    "germanywestcentral": (50.1, 8.7, "DE"),
    "indonesiacentral": (-6.2, 106.8, "ID"),
    "israelcentral": (31.3, 33.5, "IL"),
    "italynorth": (45.5, 9.2, "IT"),
    "japaneast": (35.7, 139.8, "JP"),
    "japanwest": (34.7, 135.5, "JP"),
    "jioindiacentral": (21.1, 79.1, "IN"),
    "jioindiawest": (22.5, 70.1, "IN"),
    "koreacentral": (37.6, 127.0, "KR"),
    "koreasouth": (35.2, 129.0, "KR"),
    "malaysiawest": (3.1, 101.7, "MY"),
    "mexicocentral": (20.6, -100.4, "MX"),
    "newzealandnorth": (-36.8, 174.8, "NZ"),
    "northcentralus": (41.9, -87.6, "US"),
    "northeurope": (53.3, -6.3, "IE"),
    "norwayeast": (59.9, 10.8, "NO"),
    "norwaywest": (59.0, 5.7, "NO"),
    "polandcentral": (52.2, 21.0, "PL"),
    "qatarcentral": (25.6, 51.4, "QA"),
    "southafricanorth": (-25.7, 28.2, "ZA"),
    "southafricawest": (-34.1, 18.8, "ZA"),
    "southcentralus": (29.4, -98.5, "US"),
    "southeastasia": (1.3, 103.8, "SG"),
    "southindia": (13.0, 80.2, "IN"),
    "spaincentral": (40.4, -3.4, "ES"),
    "swedencentral": (60.7, 17.1, "SE"),
    "swedensouth": (55.6, 13.0, "SE"),
    "switzerlandnorth": (47.4, 8.5, "CH"),
    "switzerlandwest": (46.2, 6.1, "CH"),
    "uaecentral": (24.5, 54.4, "AE"),
    "uaenorth": (25.3, 55.3, "AE"),
    "uksouth": (50.9, -0.8, "GB"),
    "ukwest": (53.4, -3.1, "GB"),
    "westcentralus": (40.9, -110.2, "US"),
    "westeurope": (52.4, 4.9, "NL"),
    "westindia": (19.1, 72.9, "IN"),
    "westus": (37.8, -122.4, "US"),
    "westus2": (47.2, -119.9, "US"),
    "westus3": (33.4, -112.1, "US"),
}
"""Azure's regions, all that a resource can be in: latitude, longitude, country.

Source: "List of Azure regions" (physical locations)."""


class Region(msgspec.Struct, frozen=True):
    """A region of the hierarchy, and the one around it."""

    code: str
    name: str
    parent: str = ""
    latitude: float = 0.0
    longitude: float = 0.0


def _rows(text: str) -> Iterator[tuple[str, float, float, str]]:
    for row in text.split(";"):
        code, latitude, longitude, name = row.split(None, 3)
        yield code, float(latitude), float(longitude), " ".join(name.split())


@cache
def regions() -> Mapping[str, Region]:
    """Every region by code, parents before their children."""
    found = [Region(WORLD, "World")]
    for group, label in _GROUPS.items():
        found.append(Region(group, label, WORLD))
        for code, latitude, longitude, name in _rows(_COUNTRIES[group]):
            found.append(Region(code, name, group, latitude, longitude))
            states = _rows(_STATES[code]) if code in _STATES else ()
            found += [Region(f"{code}-{s}", label, code, x, y) for s, x, y, label in states]
    return {r.code: r for r in found}


def around(code: str) -> tuple[str, ...]:
    """A region's code and those of the regions it is in, from the narrowest on; the world alone for an unknown one."""
    found, known = [], regions()
    while code in known:
        found.append(code)
        code = known[code].parent
    return tuple(found) or (WORLD,)


def hierarchy() -> dict[str, Any]:
    """The tree as the API shows it."""
    shown: dict[str, dict[str, Any]] = {}
    for code, region in regions().items():
        shown[code] = {"code": code, "name": region.name, "regions": []}
        if region.parent:
            shown[region.parent]["regions"].append(shown[code])
    return shown[WORLD]


def latencies(latitude: float, longitude: float) -> dict[str, float]:
    """Milliseconds to each of Azure's regions and back: by the great circle."""
    return {name: latency(latitude, longitude, x, y) for name, (x, y, _) in AZURE.items()}


def latency(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> float:
    """Milliseconds there and back, rounded to hundredths."""
    one, other = radians(latitude), radians(to_latitude)
    across = sin((other - one) / 2) ** 2 + cos(one) * cos(other) * sin(radians(to_longitude - longitude) / 2) ** 2
    return round(HOP_MS + 2 * _EARTH_KM * asin(sqrt(min(1.0, across))) / KM_A_MS, 2)


@cache
def nearest_first(latitude: float, longitude: float) -> tuple[str, ...]:
    """Azure's own regions, from the nearest on."""
    found = latencies(latitude, longitude)
    return tuple(sorted(AZURE, key=lambda name: (found[name], name)))
