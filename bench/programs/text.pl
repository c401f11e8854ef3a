# Hashes, strings, arrays of arrays and sorting; argument: number of records. Prints a checksum.
use strict;
use warnings;

my $n = shift @ARGV;
my $state = 12345;
sub draw { $state = ($state * 1103515245 + 12345) % 2147483648; return $state >> 8; }

my (%count, @records);
for my $i (1 .. $n) {
    my $key = join '-', map { sprintf '%x', draw() % 4096 } 1 .. 3;
    $count{$key}++;
    push @records, [$i, $key, 'v' x (draw() % 120)];
    if (@records > 20000) {
        splice @records, draw() % 10000, 5000;
    }
}
my $sum = 0;
for my $record (sort { $a->[1] cmp $b->[1] || $a->[0] <=> $b->[0] } @records) {
    $sum = ($sum * 31 + length(join ':', @$record)) % 1000000007;
}
my $text = join ' ', map { "$_=$count{$_}" } sort keys %count;
$text =~ s/([0-9a-f]+)-([0-9a-f]+)/$2+$1/g;
$sum = ($sum + length($text) + scalar(my @parts = split / /, $text)) % 1000000007;
print "$sum\n";
