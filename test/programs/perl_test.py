"""
perl_test.py: perl: hashes, closures, sorting, regular expressions, growing strings, interpreter
threads and fork. PERL_HASH_SEED is fixed so that the order of keys is comparable.
"""

from harness import Comparison, check

SCRIPT = r"""
use strict; use warnings; use threads; use Digest::MD5 qw(md5_hex); use Data::Dumper;
use Storable qw(freeze thaw dclone); use List::Util qw(sum shuffle reduce);
$Data::Dumper::Sortkeys = 1; $| = 1;
my $state = 42;
sub rnd { $state = ($state * 1103515245 + 12345) % 2147483648; return int($state / 65536) % $_[0]; }

# Words, counts, nested data.
my (%count, %by_length, @text);
for my $i (1 .. 120000) {
    my $word = join '', map { chr(97 + rnd(26)) } 1 .. 2 + rnd(9);
    $count{$word}++; push @{$by_length{length $word}}, $word; push @text, $word if $i % 3 == 0;
}
printf "%d words, order %s\n", scalar(keys %count), md5_hex(join ',', keys %count);
printf "%d: %d %s\n", $_, scalar @{$by_length{$_}}, md5_hex(join ' ', sort @{$by_length{$_}})
    for sort { $a <=> $b } keys %by_length;
delete @count{grep { /[aeiou]{2}/ } keys %count};
printf "%d left, %s\n", scalar(keys %count), md5_hex(join ',', sort {
    $count{$b} <=> $count{$a} || $a cmp $b } keys %count);

# Regular expressions on a large string that grows and shrinks.
my $all = join ' ', @text; my %seen;
$seen{$1}++ while $all =~ /\b(\w)(?:\w*)\1\b/g;
print join(' ', map { "$_=$seen{$_}" } sort keys %seen), "\n";
(my $changed = $all) =~ s/([b-df-hj-np-tv-z]+)([aeiou])/$2<$1>/g;
print length($changed), ' ', md5_hex($changed), "\n";
my $grown = ''; for (1 .. 300000) { $grown .= chr(32 + $_ % 90); } substr($grown, 1000,
    200000) = 'cut';
print length($grown), ' ', md5_hex($grown), "\n";
my @parts = split /(?<=e)(?=[a-m])/, $all; print scalar(@parts), ' ', md5_hex(join '|',
    reverse @parts), "\n";

# Deep structures, closures, objects with destructors.
my $tree; my $alive = 0;
package Node { sub new { my ($c, %f) = @_; $alive++; bless {%f}, $c } sub DESTROY { $alive-- } }
sub build { my $d = shift; $d ? Node->new(left => build($d - 1), right => build($d - 1),
    pad => 'x' x rnd(300)) : undef }
$tree = build(13); my $copy = dclone({ t => [map { { n => $_,
    s => 'y' x ($_ % 700) } } 1 .. 4000] });
print "$alive alive, ", md5_hex(freeze(thaw(freeze($copy)))) eq md5_hex(freeze($copy)) ?
    "same\n" : "differ\n";
undef $tree; print "$alive alive\n";
my @adders = map { my $n = $_; sub { $n + shift } } 1 .. 20000; print sum(map { $_->(1) } @adders),
    "\n";
print md5_hex(Dumper([map { { $_ => [1 .. $_ % 9] } } 1 .. 3000])), "\n";

# Interpreter threads: each clones the whole heap, works, and is joined.
my @threads = map { my $id = $_; threads->create(sub {
    my %h; $h{"$id-$_"} = 'z' x ($_ % 97) for 1 .. 15000; delete $h{"$id-$_"} for grep {
        $_ % 2 } 1 .. 15000;
    return md5_hex(join ',', map { "$_$h{$_}" } sort keys %h) }) } 1 .. 4;
print $_->join, "\n" for @threads;

# fork: the child sees the data and uses the heap.
pipe(my $in, my $out);
for my $n (1 .. 4) { my $pid = fork(); if (!$pid) { close $in; my @x = map {
    "$n:$_" x 3 } 1 .. 30000;
    syswrite $out, md5_hex(join ' ', @x, $all) . "\n"; exit 0; } waitpid $pid, 0;
        print "child $?\n"; }
close $out; print sort <$in>;
"""


def main():
    test = Comparison("perl", programs={"perl": "perl"})
    for side in test.sides():
        script = side.write("program.pl", SCRIPT)
        out = side.run(
            ["perl", script], env={"PERL_HASH_SEED": "1", "PERL_PERTURB_KEYS": "0"}
        ).stdout
        check(out.count(b"\n") >= 25, "the script printed too little")
        side.record("program", out)
        # PERL_DESTRUCT_LEVEL makes perl free everything it has at exit.
        again = side.run(
            ["perl", script],
            env={"PERL_HASH_SEED": "1", "PERL_PERTURB_KEYS": "0", "PERL_DESTRUCT_LEVEL": "2"},
        ).stdout
        side.record("program with full destruction", again)
    test.finish()


main()
