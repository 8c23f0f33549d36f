/** `proxy apply` on a real kernel: changes, failures, others' rules, and going away again. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wallClock } from '../../src/base/index.ts';
import { cleanUp, type KernelHost, kernelHost, NodeProxy, type ProxyMode } from '../../src/proxy/index.ts';
import { PacketNamespaces } from '../helpers/packet-lab.ts';
import { canMakeNamespaces, missing } from '../helpers/real.ts';
import { config, everything, service, slice } from '../proxy/objects.ts';

const able =
  missing('iptables-nft', 'iptables-legacy', 'nft', 'ipset', 'conntrack', 'nsenter', 'ip').length === 0 &&
  canMakeNamespaces();

const setups = [
  ['iptables', 'nft'],
  ['iptables', 'legacy'],
  ['nftables', undefined],
] as const satisfies readonly (readonly [ProxyMode, 'nft' | 'legacy' | undefined])[];

setups.forEach(([mode, backend], index) => {
  describe.skipIf(!able)(`${mode}${backend ? ` (iptables-${backend})` : ''}`, () => {
    let spaces: PacketNamespaces;
    beforeAll(() => {
      spaces = new PacketNamespaces(`b${index}`);
    });
    afterAll(() => spaces?.dispose());

    const newProxy = (place: string, host: KernelHost = kernelHost({ netns: spaces.name(place) })) => {
      const proxy = new NodeProxy({ mode, config, host, clock: wallClock, iptablesBackend: backend });
      for (const object of everything.services) proxy.tracker.setService(object);
      for (const object of everything.endpointSlices) proxy.tracker.setSlice(object);
      return proxy;
    };

    /** What the kernel holds, without counters and in an order that does not depend on history. */
    const holds = (place: string): string[] => {
      if (backend === undefined) {
        const blocks = spaces
          .run(place, 'nft', ['-s', 'list', 'ruleset'])
          .replaceAll(/\n}(?=\n)/g, '')
          .split(/\n(?=\t\w)/);
        // Elements are printed in order of hash; rules in theirs.
        const plain = (block: string) =>
          /^\t(set|map) /.test(block)
            ? block
                .split(/[\s,]+/)
                .sort()
                .join(' ')
            : block.trim();
        return blocks.map(plain).sort();
      }
      const save = ['filter', 'nat', 'mangle'].map((table) =>
        spaces.run(place, `iptables-${backend}-save`, ['-t', table]),
      );
      const lines = save
        .join('')
        .split('\n')
        .filter((line) => !line.startsWith('#'))
        .map((line) => line.replace(/ \[\d+:\d+\]/, ''));
      const chains = new Map<string, string[]>();
      for (const line of lines) {
        const chain = line.startsWith('-A ') ? line.split(' ')[1]! : '';
        chains.set(chain, [...(chains.get(chain) ?? []), line]);
      }
      return [...chains].map(([chain, rules]) => (chain === '' ? rules.sort() : rules).join('\n')).sort();
    };

    const changes = [
      (proxy: NodeProxy) =>
        proxy.tracker.setSlice(slice('ns1', 'svc1', [['p80', 80]], [{ ip: '10.180.7.1' }, { ip: '10.180.7.2' }])),
      (proxy: NodeProxy) =>
        proxy.tracker.setService(
          service('ns3', 'svc3', {
            type: 'NodePort',
            clusterIP: '172.30.0.43',
            sessionAffinity: 'ClientIP',
            sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
            ports: [{ name: 'p80', port: 80, protocol: 'TCP', nodePort: 3003 }],
          }),
        ),
      (proxy: NodeProxy) => proxy.tracker.deleteService(service('ns2', 'svc2', {})),
      (proxy: NodeProxy) => {
        proxy.tracker.setService(
          service('new', 'one', { clusterIP: '172.30.0.99', ports: [{ port: 80, nodePort: 3099 }] }),
        );
        proxy.tracker.setSlice(slice('new', 'one', [['', 80]], [{ ip: '10.180.7.3', node: 'test-node' }]));
      },
      (proxy: NodeProxy) => proxy.tracker.setSlice(slice('ns4', 'gone', [['', 53, 'UDP']], [{ ip: '10.180.7.4' }])),
      (proxy: NodeProxy) => proxy.tracker.setSlice(slice('ns3', 'svc3', [['p80', 80]], [])),
    ];

    test('after a row of changes the kernel holds what a first load would have loaded', async () => {
      spaces.add('partial');
      spaces.add('fresh');
      const proxy = newProxy('partial');
      const fresh = newProxy('fresh');
      expect(await proxy.sync()).toMatchObject({ kind: 'full' });
      for (const change of changes) {
        change(proxy);
        change(fresh);
        expect(await proxy.sync()).toMatchObject({ kind: 'partial', changed: 1 });
      }
      await fresh.sync();
      expect(holds('partial')).toEqual(holds('fresh'));
      expect(holds('fresh').join('\n')).toContain('10.180.7.3');
    });

    test('a load that fails half way is taken back; the next one loads everything', async () => {
      spaces.add('broken');
      const real = kernelHost({ netns: spaces.name('broken') });
      let breaks = false;
      const proxy = newProxy('broken', {
        prefix: real.prefix,
        run: (program, args, input) => {
          // The last table of the input is spoiled: those before it have been loaded by then.
          const spoiled = breaks && input ? input.replace(/COMMIT\n$|$(?![\s\S])/, 'nonsense\nCOMMIT\n') : input;
          if (breaks) breaks = false;
          return real.run(program, args, spoiled);
        },
      });
      await proxy.sync();
      const before = holds('broken');
      // A Service loses its endpoints: a rule in filter comes, and one in nat goes.
      proxy.tracker.setSlice(slice('ns1', 'svc1', [['p80', 80]], []));
      breaks = true;
      await expect(proxy.sync()).rejects.toMatchObject({
        code: 'LoadFailed',
        message: expect.stringContaining('nonsense'),
      });
      expect(holds('broken')).toEqual(before);
      expect(await proxy.sync()).toMatchObject({ kind: 'full' });
      expect(holds('broken')).not.toEqual(before);
      expect(holds('broken').join('\n')).toMatch(/ns1\/svc1:p80/);
    });

    test('a first load deletes the chains of Services that went while nobody looked', async () => {
      spaces.add('stale');
      await newProxy('stale').sync();
      const proxy = newProxy('stale');
      proxy.tracker.deleteService(service('ns1', 'svc1', {}));
      await proxy.sync();
      expect(holds('stale').join('\n')).not.toContain('svc1:p80');
      expect(holds('stale').join('\n')).not.toContain('ns1/svc1');
    });

    test('cleaning up removes all of it and nothing else', async () => {
      spaces.add('shared');
      const others = backend ?? 'nft';
      spaces.run('shared', `iptables-${others}`, ['-t', 'nat', '-N', 'KUBE-SVC']);
      spaces.run('shared', `iptables-${others}`, ['-t', 'nat', '-A', 'OUTPUT', '-d', '192.0.2.1', '-j', 'KUBE-SVC']);
      for (const chain of ['KUBE-KUBELET-CANARY', 'CNI-HOSTPORT-DNAT']) {
        spaces.run('shared', `iptables-${others}`, ['-t', 'mangle', '-N', chain]);
      }
      spaces.run('shared', 'nft', ['add', 'table', 'ip', 'kube-network-policies']);
      // Its filter table would stand from now on.
      spaces.run('shared', `iptables-${others}`, ['-t', 'filter', '-N', 'KUBE-FIREWALL']);
      const mine = (lines: string[]) =>
        lines
          .join('\n')
          .split('\n')
          .filter((line) => !line.includes('KUBE-FIREWALL'));
      const before = mine(holds('shared'));
      await newProxy('shared').sync();
      expect(mine(holds('shared'))).not.toEqual(before);
      const host = kernelHost({ netns: spaces.name('shared') });
      expect(await cleanUp(host, [backend])).toHaveLength(1);
      expect(mine(holds('shared'))).toEqual(before);
      expect(await cleanUp(host, [backend])).toEqual([]);
    });
  });
});
