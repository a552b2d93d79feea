/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - the least that any program pays to read a capture: every packet taken from libpcap
 * and one byte of it touched.  Prints packets, bytes and the CPU seconds it took.
 * usage: loop FILE
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <pcap/pcap.h>

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char *argv[])
{
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *h;
	const unsigned char *data;
	uint64_t packets = 0, bytes = 0;
	unsigned sum = 0;
	struct rusage used;
	pcap_t *p;
	int rc;

	if (argc != 2) {
		(void)fputs("usage: loop FILE\n", stderr);
		return 2;
	}
	p = pcap_open_offline(argv[1], error);
	if (p == NULL) {
		(void)fprintf(stderr, "loop: %s\n", error);
		return EXIT_FAILURE;
	}
	while ((rc = pcap_next_ex(p, &h, &data)) == 1) {
		packets++;
		bytes += h->caplen;
		if (h->caplen > 0)
			sum += data[h->caplen / 2];
	}
	if (rc == PCAP_ERROR)
		(void)fprintf(stderr, "loop: %s\n", pcap_geterr(p));
	pcap_close(p);
	if (rc == PCAP_ERROR || getrusage(RUSAGE_SELF, &used) != 0)
		return EXIT_FAILURE;
	(void)printf("packets=%" PRIu64 " bytes=%" PRIu64
		     " sum=%u user=%.3f system=%.3f\n",
		     packets, bytes, sum, seconds(used.ru_utime), seconds(used.ru_stime));
	return EXIT_SUCCESS;
}
