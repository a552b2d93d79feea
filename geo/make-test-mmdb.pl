#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Makes the small test databases from geo/test-country.txt:
#   geo/make-test-mmdb.pl geo/test-country.txt tests/data
# writes country-test.mmdb (MaxMind's schema), country-flat-test.mmdb (flat country_code) and
# asn-test.mmdb.  Needs libmaxmind-db-writer-perl.  The same text gives the same bytes but for
# the time of making, which is fixed here.
use strict;
use warnings;
use MaxMind::DB::Writer::Tree;

# The build time is a date of the data, not of the run: the files are committed.
use constant MADE => 1795478400; # 2026-11-24

die "usage: make-test-mmdb.pl TEXT FOLDER\n" unless @ARGV == 2;
my ($text, $folder) = @ARGV;
my %types = (
	country                        => 'map',
	registered_country             => 'map',
	iso_code                       => 'utf8_string',
	country_code                   => 'utf8_string',
	autonomous_system_number       => 'uint32',
	autonomous_system_organization => 'utf8_string',
);

sub tree {
	my ($type) = @_;
	return MaxMind::DB::Writer::Tree->new(
		ip_version               => 6,
		record_size              => 24,
		database_type            => $type,
		languages                => ['en'],
		description              => { en => 'Weir test data, see geo/README.md' },
		map_key_type_callback    => sub { $types{ $_[0] } },
		remove_reserved_networks => 0,
		_build_epoch             => MADE,
	);
}

my $country = tree('Weir-Test-Country');
my $flat    = tree('weir test country flat');
my $asn     = tree('Weir-Test-ASN');
open(my $in, '<', $text) or die "$text: $!\n";
while (my $line = <$in>) {
	chomp $line;
	next if $line =~ /^#/ || $line !~ /\S/;
	my ($prefix, $code, $number, $name) = split /\t/, $line, 4;
	die "$text:$.: four columns\n" unless defined $name;
	# An unknown country has a record all the same, as in real files: the registrant's
	# country must not be taken for it.
	$country->insert_network($prefix,
		$code eq '-'
		? { registered_country => { iso_code => 'US' } }
		: { country => { iso_code => $code }, registered_country => { iso_code => 'US' } });
	$flat->insert_network($prefix, { country_code => $code eq '-' ? '' : $code });
	$asn->insert_network($prefix,
		{ autonomous_system_number => $number, autonomous_system_organization => $name })
		if $number ne '-';
}
close $in;

for my $out ([$country, 'country-test'], [$flat, 'country-flat-test'], [$asn, 'asn-test']) {
	open(my $fh, '>:raw', "$folder/$out->[1].mmdb") or die "$folder/$out->[1].mmdb: $!\n";
	$out->[0]->write_tree($fh);
	close $fh or die "$folder/$out->[1].mmdb: $!\n";
}
