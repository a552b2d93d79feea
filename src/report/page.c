/* SPDX-License-Identifier: Apache-2.0 */
#include "report/page.h"

#include <inttypes.h>

#include "report/html.h"

static const char style[] =
	":root{--ink:#1b1f24;--soft:#57606a;--paper:#fff;--line:#c9d1d9;--tint:#f3f5f7;"
	"--s0:#9ec1e6;--s1:#8a5a00;--s2:#8f1d2c;--good:#116329;--doubt:#7d4e00;--bad:#a40e26}\n"
	"@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#a3adb8;"
	"--paper:#0f1318;--line:#3a434d;--tint:#1a2027;--s0:#3f6c9c;--s1:#e3b341;--s2:#ff9a94;"
	"--good:#6fdd8b;--doubt:#e3b341;--bad:#ff9a94}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0 auto;max-width:70rem;padding:1rem;background:var(--paper);"
	"color:var(--ink);font:16px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}\n"
	"h1{font-size:1.6rem;line-height:1.2;margin:.3rem 0}\n"
	"h2{font-size:1.25rem;margin:2rem 0 .5rem;border-bottom:2px solid var(--line)}\n"
	"h3{font-size:1rem;margin:1.4rem 0 .3rem}\n"
	"a{color:inherit}p{margin:.4rem 0}\n"
	".soft,.none{color:var(--soft);font-size:.85rem}\n"
	"nav a{margin-right:.8rem;white-space:nowrap}\n"
	".wide{overflow-x:auto;position:relative}\n"
	"table{border-collapse:collapse;font-size:.875rem;margin:.2rem 0;width:100%}\n"
	"caption{text-align:left;font-weight:600;padding:.8rem 0 .2rem}\n"
	"th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;"
	"border-bottom:1px solid var(--line);min-width:6rem}\n"
	"thead th{color:var(--soft);font-weight:600;overflow-wrap:normal}thead .n{white-space:normal}\n"
	"tbody th{font-weight:400}tfoot td,tfoot th{font-weight:600}\n"
	".n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;"
	"min-width:3.5rem;width:1%}\n"
	".t{white-space:nowrap;width:1%}.b{width:6rem;min-width:4rem}\n"
	".facts>tbody>tr>th{width:13rem;font-weight:600}\n"
	".facts strong{font-size:1rem}\n"
	".good{color:var(--good)}.doubt{color:var(--doubt)}.bad{color:var(--bad)}\n"
	".q{font-size:.72rem;color:var(--soft);margin:.15rem 0 0}\n"
	".q code{font-family:ui-monospace,monospace}\n"
	"figure{margin:.5rem 0;overflow-x:auto}\n"
	"figure svg{width:100%;min-width:34rem;height:auto;display:block}\n"
	"svg text{font-size:11.5px;fill:var(--ink)}\n"
	"svg .end{text-anchor:end}svg .mid{text-anchor:middle}\n"
	".grid{stroke:var(--line);stroke-width:.7}\n"
	".s0{fill:var(--s0)}.s2{fill:var(--s2)}.p1{fill:var(--s1)}.p1b{fill:var(--paper)}\n"
	"rect.s0,rect.s1,rect.s2{stroke:var(--ink);stroke-width:.5}\n"
	".bar{width:100%;height:.7rem;display:block}.bar rect.s0{stroke:none}\n"
	"summary{cursor:pointer;color:var(--soft);font-size:.8rem}\n"
	"@media (max-width:40rem){.facts tr,.facts th,.facts td{display:block;border:0}"
	".facts>tbody>tr{border-bottom:1px solid var(--line);padding:.3rem 0}"
	".facts>tbody>tr>th{width:auto}.b{display:none}}\n"
	"@media print{@page{margin:14mm}:root{--ink:#000;--soft:#333;--paper:#fff;--line:#999;"
	"--tint:#fff;--s0:#bcd;--s1:#640;--s2:#600;--good:#000;--doubt:#000;--bad:#000}"
	"body{font-size:10pt;max-width:none;padding:0}nav{display:none}"
	".wide,figure{overflow:visible}figure svg{min-width:0}"
	"tr,figure{break-inside:avoid}h2,h3,caption{break-after:avoid}"
	"rect{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n";

void page_begin(FILE *out, const char *title)
{
	(void)fprintf(
		out,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
		"'none'; style-src 'unsafe-inline'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, "
		"initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light "
		"dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
		"<title>%s</title>\n<style>\n%s</style>\n</head>\n<body>\n",
		title, style);
}

void page_end(FILE *out)
{
	(void)fputs("</body>\n</html>\n", out);
}

void page_section(FILE *out, const char *id, const char *title)
{
	(void)fprintf(out, "<section id=\"%s\">\n<h2>%s</h2>\n", id, title);
}

void page_section_end(FILE *out)
{
	(void)fputs("</section>\n", out);
}

void page_note(FILE *out, const char *text)
{
	(void)fprintf(out, "<p class=\"soft\">%s</p>\n", text);
}

void page_say(FILE *out, const char *text, const uint64_t *numbers)
{
	for (; *text != '\0'; text++)
		if (*text == '#')
			html_count(out, *numbers++);
		else
			(void)fputc(*text, out);
}

/* ---- facts ---- */

void page_facts_begin(FILE *out, const char *caption)
{
	(void)fprintf(out, "<table class=\"facts\"><caption>%s</caption><tbody>\n",
		      caption);
}

void page_fact_begin(FILE *out, const char *name, enum page_state state, const char *word)
{
	static const char *const classes[] = {"", "good", "doubt", "bad"};
	static const char *const signs[] = {"", "&#10003; ", "&#9651; ", "&#10007; "};

	(void)fprintf(out, "<tr><th scope=\"row\">%s</th><td>", name);
	if (word != NULL)
		(void)fprintf(out, "<strong class=\"%s\">%s%s</strong> ", classes[state],
			      signs[state], word);
}

void page_fact_end(FILE *out)
{
	(void)fputs("</td></tr>\n", out);
}

void page_facts_end(FILE *out)
{
	(void)fputs("</tbody></table>\n", out);
}

/* ---- tables ---- */

void page_table_begin(FILE *out, const char *caption, const struct page_column *columns,
		      size_t count)
{
	(void)fprintf(out, "<div class=\"wide\"><table><caption>%s</caption><thead><tr>",
		      caption);
	for (size_t i = 0; i < count; i++)
		(void)fprintf(out, "<th scope=\"col\"%s>%s</th>",
			      columns[i].number ? " class=\"n\"" : "", columns[i].name);
	(void)fputs("</tr></thead>\n", out);
}

void page_table_end(FILE *out)
{
	(void)fputs("</table></div>\n", out);
}

void page_query(FILE *out, struct str command, uint64_t events, const int64_t *sum)
{
	(void)fputs("<p class=\"q\"><code>", out);
	html_text(out, command);
	(void)fputs("</code> &rarr; <span>", out);
	html_count(out, events);
	(void)fputs(events == 1 ? " event" : " events", out);
	if (sum != NULL) {
		(void)fputs("; sum ", out);
		html_count(out, *sum < 0 ? 0 : (uint64_t)*sum);
	}
	(void)fputs("</span></p>\n", out);
}
