// SPDX-License-Identifier: GPL-2.0
/*
 * A sample kernel user of cmap.  It counts incoming IPv4 packets by CPU and protocol,
 * in a map that any process can read at the same time.
 *
 * The map is called "kernel:packets", and only root may write to it.  A key is a text
 * like "cpu0/udp"; protocols other than tcp, udp and icmp are "cpu0/other".  A value is
 * the number of packets, a signed 64-bit number in the machine's byte order.  Packets
 * of the initial network namespace are counted in softirq context, when they are
 * received.
 */
#include <linux/cmap.h>

#include <linux/err.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/module.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/smp.h>
#include <net/net_namespace.h>

static struct cmap *packets;

static const char *protocol_name(const struct sk_buff *skb)
{
	switch (ip_hdr(skb)->protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	default:
		return "other";
	}
}

/* If there is no memory to count a packet, it passes uncounted. */
static unsigned int count_packet(void *priv, struct sk_buff *skb,
				 const struct nf_hook_state *state)
{
	char key[24];
	int len;

	len = scnprintf(key, sizeof(key), "cpu%u/%s", smp_processor_id(),
			protocol_name(skb));
	cmap_add(packets, key, len, 1, 0, NULL, NULL, GFP_ATOMIC);

	return NF_ACCEPT;
}

static const struct nf_hook_ops hook = {
	.hook = count_packet,
	.pf = NFPROTO_IPV4,
	.hooknum = NF_INET_PRE_ROUTING,
	.priority = NF_IP_PRI_FIRST,
};

static int __init sample_init(void)
{
	const struct cmap_params params = {
		.name = CMAP_KERNEL_PREFIX "packets",
		.mode = 0644,
		.key_max = 24,
		.value_max = sizeof(s64),
		.description = "key=text value=i64",
	};
	int err;

	packets = cmap_create(&params);
	if (IS_ERR(packets))
		return PTR_ERR(packets);

	err = nf_register_net_hook(&init_net, &hook);
	if (err) {
		cmap_unlink(packets);
		cmap_put(packets);
	}

	return err;
}

static void __exit sample_exit(void)
{
	nf_unregister_net_hook(&init_net, &hook);
	cmap_unlink(packets);
	cmap_put(packets);
}

module_init(sample_init);
module_exit(sample_exit);

MODULE_DESCRIPTION("Counts packets in a cmap");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(CMAP_NAMESPACE);
