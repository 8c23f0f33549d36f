#!/bin/sh -e
# The pod network of node node-1 by ptp, as its plugin makes it. Run it as root on the node,
# or in a network namespace with the interface eth0: nsenter --net=/run/netns/NODE sh SCRIPT

# Packets that are not for this node go on.
echo 1 > /proc/sys/net/ipv4/ip_forward

# Pod default/a.
ip netns add "${KLAB_PREFIX}default.a"
ip -n "${KLAB_PREFIX}default.a" link set lo up
ip link add vethca0af726 address 06:02:44:5c:23:9d mtu 1500 type veth peer name eth0 address 0a:58:0a:f4:00:02 mtu 1500 netns "${KLAB_PREFIX}default.a"
ip link set vethca0af726 up
ip -n "${KLAB_PREFIX}default.a" addr add 10.244.0.2/24 dev eth0
ip -n "${KLAB_PREFIX}default.a" link set eth0 up
ip -n "${KLAB_PREFIX}default.a" route flush dev eth0 proto kernel scope link
ip addr add 10.244.0.1/32 dev vethca0af726
ip route add 10.244.0.2/32 dev vethca0af726 scope host
ip -n "${KLAB_PREFIX}default.a" route add 10.244.0.1 dev eth0 scope link src 10.244.0.2
ip -n "${KLAB_PREFIX}default.a" route add default via 10.244.0.1 dev eth0
ip -n "${KLAB_PREFIX}default.a" route add 10.244.0.0/24 via 10.244.0.1 dev eth0 src 10.244.0.2

# Pod default/a2.
ip netns add "${KLAB_PREFIX}default.a2"
ip -n "${KLAB_PREFIX}default.a2" link set lo up
ip link add veth2342f47c address 06:02:4c:0c:2c:7d mtu 1500 type veth peer name eth0 address 0a:58:0a:f4:00:03 mtu 1500 netns "${KLAB_PREFIX}default.a2"
ip link set veth2342f47c up
ip -n "${KLAB_PREFIX}default.a2" addr add 10.244.0.3/24 dev eth0
ip -n "${KLAB_PREFIX}default.a2" link set eth0 up
ip -n "${KLAB_PREFIX}default.a2" route flush dev eth0 proto kernel scope link
ip addr add 10.244.0.1/32 dev veth2342f47c
ip route add 10.244.0.3/32 dev veth2342f47c scope host
ip -n "${KLAB_PREFIX}default.a2" route add 10.244.0.1 dev eth0 scope link src 10.244.0.3
ip -n "${KLAB_PREFIX}default.a2" route add default via 10.244.0.1 dev eth0
ip -n "${KLAB_PREFIX}default.a2" route add 10.244.0.0/24 via 10.244.0.1 dev eth0 src 10.244.0.3
