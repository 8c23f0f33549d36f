#!/bin/sh -e
# The pod network of node node-1 by host-gw, as its plugin makes it. Run it as root on the node,
# or in a network namespace with the interface eth0: nsenter --net=/run/netns/NODE sh SCRIPT

# Packets that are not for this node go on.
echo 1 > /proc/sys/net/ipv4/ip_forward

# The bridge that pods are plugged into; its address is their gateway.
ip link add cni0 address 0a:58:0a:f4:00:01 mtu 1500 type bridge
ip addr add 10.244.0.1/24 dev cni0
ip link set cni0 up

# Pod default/a.
ip netns add "${KLAB_PREFIX}default.a"
ip -n "${KLAB_PREFIX}default.a" link set lo up
ip link add vethca0af726 address 06:02:44:5c:23:9d mtu 1500 type veth peer name eth0 address 0a:58:0a:f4:00:02 mtu 1500 netns "${KLAB_PREFIX}default.a"
ip link set vethca0af726 master cni0
ip link set vethca0af726 type bridge_slave hairpin on
ip link set vethca0af726 up
ip -n "${KLAB_PREFIX}default.a" addr add 10.244.0.2/24 dev eth0
ip -n "${KLAB_PREFIX}default.a" link set eth0 up
ip -n "${KLAB_PREFIX}default.a" route add default via 10.244.0.1 dev eth0
ip -n "${KLAB_PREFIX}default.a" route add 10.244.0.0/16 via 10.244.0.1 dev eth0

# Pod default/a2.
ip netns add "${KLAB_PREFIX}default.a2"
ip -n "${KLAB_PREFIX}default.a2" link set lo up
ip link add veth2342f47c address 06:02:4c:0c:2c:7d mtu 1500 type veth peer name eth0 address 0a:58:0a:f4:00:03 mtu 1500 netns "${KLAB_PREFIX}default.a2"
ip link set veth2342f47c master cni0
ip link set veth2342f47c type bridge_slave hairpin on
ip link set veth2342f47c up
ip -n "${KLAB_PREFIX}default.a2" addr add 10.244.0.3/24 dev eth0
ip -n "${KLAB_PREFIX}default.a2" link set eth0 up
ip -n "${KLAB_PREFIX}default.a2" route add default via 10.244.0.1 dev eth0
ip -n "${KLAB_PREFIX}default.a2" route add 10.244.0.0/16 via 10.244.0.1 dev eth0

# To the pods of the other nodes.
ip route add 10.244.1.0/24 via 172.18.0.3 dev eth0

# What leaves the cluster takes the node’s address; between pods nothing is changed.
iptables -w -t nat -N FLANNEL-POSTRTG
iptables -w -t nat -A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
iptables -w -t nat -A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN
iptables -w -t nat -A FLANNEL-POSTRTG -s 10.244.0.0/24 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN
iptables -w -t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.0.0/24 -m comment --comment "flanneld masq" -j RETURN
iptables -w -t nat -A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/24 -m comment --comment "flanneld masq" -j RETURN
iptables -w -t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
iptables -w -t nat -A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
iptables -w -t filter -N FLANNEL-FWD
iptables -w -t filter -A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
iptables -w -t filter -A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
iptables -w -t filter -A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
