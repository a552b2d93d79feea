/* SPDX-License-Identifier: Apache-2.0 */
#include "base/country.h"

/* ISO 3166-1 alpha-2 as of 2025, and XK, which country databases use for Kosovo. */
static const char countries[] =
	"AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL "
	"BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV "
	"CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD "
	"GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM "
	"IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK "
	"LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW "
	"MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR "
	"PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS "
	"ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY "
	"UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW ";

/* Codes that other bodies use: ISO reserves UK, the European Union writes EL. */
static const char others[][2][3] = {{"UK", "GB"}, {"EL", "GR"}};

bool country_known(struct str alpha2)
{
	if (alpha2.len != 2)
		return false;
	for (const char *p = countries; *p != '\0'; p += 3)
		if (p[0] == alpha2.p[0] && p[1] == alpha2.p[1])
			return true;
	return false;
}

const char *country_meant(struct str s, char buf[3])
{
	if (s.len != 2)
		return NULL;
	for (size_t i = 0; i < 2; i++)
		buf[i] = s.p[i] >= 'a' && s.p[i] <= 'z' ? (char)(s.p[i] - 32) : s.p[i];
	buf[2] = '\0';
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (str_equal(str_of(buf), str_of(others[i][0])))
			return others[i][1];
	return country_known(str_of(buf)) ? buf : NULL;
}
