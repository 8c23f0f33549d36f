import { describe, expect, it } from 'vitest';
import { type CorefileFiles, readCorefile } from '../../src/dns/index.ts';

const read = (text: string, files?: CorefileFiles) => readCorefile(text, files);
const problem = (text: string): string => {
  try {
    read(text);
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
};

describe('a Corefile', () => {
  it('of kubeadm is read whole', () => {
    const corefile = read(
      `.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
`,
      { resolvers: [{ address: '192.0.2.53' }] },
    );
    expect(corefile).toMatchObject({ reload: true, health: 8080, ready: 8181, warnings: [] });
    expect(corefile.blocks).toHaveLength(1);
    expect(corefile.blocks[0]).toMatchObject({
      zones: [''],
      errors: true,
      loop: true,
      loadBalance: true,
      kubernetes: {
        zones: ['cluster.local', 'in-addr.arpa', 'ip6.arpa'],
        pods: 'insecure',
        ttl: 30,
        fallthrough: ['in-addr.arpa', 'ip6.arpa'],
      },
      forwards: [{ zone: '', upstreams: [{ address: '192.0.2.53', port: 53 }], maxConcurrent: 1000, policy: 'random' }],
      cache: { success: { most: 30, disabledFor: ['cluster.local'] }, denial: { most: 30 } },
    });
  });

  it('has a block for each set of zones, snippets, comments and other files', () => {
    const corefile = read(
      `# stub domains
(common) {
    errors
    cache 10
}
example.org, example.com:53 {
    import common
    forward . 192.0.2.1 [2001:db8::1]:5353 192.0.2.2:54 {
        policy sequential
        force_tcp
        except internal.example.org
    }
}
. {
    import common
    import custom/*.override
    forward . 192.0.2.9
}
10.0.0.0/8 {
    forward . 192.0.2.9
}
import custom/*.server
`,
      { imports: (pattern) => (pattern.endsWith('.server') ? ['corp.test {\n forward . 192.0.2.7\n}\n'] : []) },
    );
    expect(corefile.blocks.map(({ zones }) => zones)).toEqual([
      ['example.org', 'example.com'],
      [''],
      ['10.in-addr.arpa'],
      ['corp.test'],
    ]);
    expect(corefile.blocks[0]).toMatchObject({ errors: true, cache: { success: { most: 10 } } });
    expect(corefile.blocks[0]!.forwards[0]).toMatchObject({
      policy: 'sequential',
      forceTcp: true,
      except: ['internal.example.org'],
      upstreams: [
        { address: '192.0.2.1', port: 53 },
        { address: '2001:db8::1', port: 5353 },
        { address: '192.0.2.2', port: 54 },
      ],
    });
    expect(corefile.warnings).toEqual(['No files matching import glob pattern: custom/*.override']);
  });

  it('of one server needs no braces', () => {
    expect(read('cluster.local\nkubernetes\nerrors\n').blocks[0]).toMatchObject({
      zones: ['cluster.local'],
      kubernetes: { zones: ['cluster.local'], pods: 'disabled', ttl: 5 },
      errors: true,
    });
  });

  it('names what klab leaves out, and goes on', () => {
    const { warnings, blocks } = read(
      '. {\n  acl\n  rewrite class CH IN\n  erratic\n}\ntls://example.org {\n  errors\n}\n',
    );
    expect(blocks).toHaveLength(1);
    expect(warnings).toEqual([
      'Corefile:2:3 - plugin acl is not served by klab: it does nothing here',
      'Corefile:3:11 - rewrite class is not served by klab: it does nothing here',
      'Corefile:4:3 - plugin erratic is not served by klab: it does nothing here',
      'Corefile:6:1 - zone tls://example.org: klab answers plain DNS only',
    ]);
  });

  it.each([
    [
      '. {\n  template IN\n}',
      "Corefile:2:3 - Error during parsing: Wrong argument count or unexpected line ending after 'template'",
    ],
    ['. {\n  template XX A\n}', 'Corefile:2:12 - Error during parsing: invalid query class XX'],
    ['. {\n  template IN AA\n}', 'Corefile:2:15 - Error during parsing: invalid RR class AA'],
    ['. {\n  template IN A\n}', 'Corefile:2:3 - Error during parsing: no answer section for template found'],
    ['. {\n  template IN A {\n    match (\n  }\n}', 'Corefile:3:11 - Error during parsing: could not parse regex: ('],
    ['. {\n  template IN A {\n    rcode NO\n  }\n}', 'Corefile:3:11 - Error during parsing: unknown rcode NO'],
    [
      '. {\n  template IN A {\n    odd x\n  }\n}',
      "Corefile:3:5 - Error during parsing: Wrong argument count or unexpected line ending after 'odd'",
    ],
    ['. {\n  forwrad . 1.1.1.1\n}', "Corefile:2:3 - Error during parsing: Unknown directive 'forwrad'"],
    ['. {\n  errors\n', "Corefile:1:3 - Error during parsing: Unexpected end of file: this '{' is never closed"],
    [
      '. {\n  forward .\n}',
      "Corefile:2:3 - Error during parsing: Wrong argument count or unexpected line ending after 'forward'",
    ],
    ['. {\n  forward . nowhere\n}', 'Corefile:2:13 - Error during parsing: not an IP address or file: "nowhere"'],
    [
      '. {\n  forward . 1.1.1.1 {\n    policy best\n  }\n}',
      "Corefile:3:12 - Error during parsing: unknown policy 'best'",
    ],
    [
      '. {\n  kubernetes cluster.local {\n    pods all\n  }\n}',
      'Corefile:3:10 - Error during parsing: wrong value for pods: all,  must be one of: disabled, verified, insecure',
    ],
    [
      '. {\n  kubernetes cluster.local {\n    ttl 3601\n  }\n}',
      'Corefile:3:9 - Error during parsing: ttl must be in range [0, 3600]: 3601',
    ],
    [
      '. {\n  kubernetes cluster.local {\n    colour blue\n  }\n}',
      "Corefile:3:5 - Error during parsing: unknown property 'colour'",
    ],
    [
      '. {\n  hosts {\n    192.0.2.300 a\n  }\n}',
      "Corefile:3:5 - Error during parsing: unknown property '192.0.2.300'",
    ],
    [
      '. {\n  cache {\n    servfail 10m\n  }\n}',
      'Corefile:3:14 - Error during parsing: caching SERVFAIL responses over 5 minutes is not permitted',
    ],
    [
      '. {\n  rewrite name regex ( a\n}',
      'Corefile:2:22 - Error during parsing: invalid regex pattern in a name rule: (',
    ],
    ['. {\n}\n. {\n}', 'Corefile:3:1 - Error during parsing: cannot serve dns://.:53 - it is already defined'],
    [
      '. {\n  cache\n  cache\n}',
      'Corefile:3:3 - Error during parsing: this plugin can only be used once per Server Block',
    ],
    ['', 'Corefile:1:1 - Error during parsing: the Corefile has no server block'],
    ['(a) {\n import a\n}\n. {\n import a\n}', 'Corefile:2:2 - Error during parsing: imports go round in a circle'],
  ])('%j is refused with its place', (text, expected) => expect(problem(text)).toBe(expected));
});
