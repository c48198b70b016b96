# SPDX-License-Identifier: BSD-2-Clause
#
# A tunnel of packets over UDP, as users of Perl write one: bridge.pl DEVICE LOCAL REMOTE ADDRESS PEER.
use strict;
use warnings;
use Fcntl;
use IO::Select;
use IO::Socket::INET;

my ($device, $local, $remote, $address, $peer) = @ARGV;
sysopen(my $tun, "/dev/$device", O_RDWR) or die "/dev/$device: $!";
my $cable = IO::Socket::INET->new(Proto => "udp", LocalAddr => $local, LocalPort => 5555, PeerAddr => $remote, PeerPort => 5555)
    or die "socket: $@";
system("ifconfig $device $address $peer up") == 0 or die "ifconfig";
$| = 1;
print "ready $device\n";
my $both = IO::Select->new($tun, $cable);
while (1) {
	for my $ready ($both->can_read) {
		my $packet;
		if ($ready == $cable) {
			# The other end may not be there yet.
			defined $cable->recv($packet, 2048) or next;
			syswrite($tun, $packet) // die "write: $!";
		} else {
			sysread($tun, $packet, 2048) // die "read: $!";
			$cable->send($packet);
		}
	}
}
