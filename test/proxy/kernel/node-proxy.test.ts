import { expect, test } from 'vitest';
import { VirtualClock } from '../../../src/base/index.ts';
import { type KernelHost, NodeProxy, ProxyError, type SyncReport } from '../../../src/proxy/index.ts';
import { config, everything, service, slice } from '../objects.ts';
import { SimulatedLoaders } from '../sync/simulated-loaders.ts';

/** nftables mode on simulated loaders, whose table can be flushed, and which can be made to refuse. */
class Lab {
  readonly clock = new VirtualClock();
  readonly reports: SyncReport[] = [];
  readonly errors: { text: string; retryInMs: number }[] = [];
  readonly warnings: string[] = [];
  readonly loads: number[] = [];
  kernel = new SimulatedLoaders();
  refuses: string | undefined;

  readonly host: KernelHost = {
    prefix: [],
    run: async (program, args, input = '') => {
      if (program === 'conntrack') return { code: 0, stdout: '', stderr: '' };
      if (args[0] === 'list') return { code: this.kernel.nftChains.has('services') ? 0 : 1, stdout: '', stderr: '' };
      this.loads.push(this.clock.monotonic());
      if (this.refuses !== undefined) return { code: 1, stdout: '', stderr: this.refuses };
      this.kernel.load([{ program: 'nft', input }]);
      return { code: 0, stdout: '', stderr: '' };
    },
  };
  readonly proxy = new NodeProxy({
    mode: 'nftables',
    config,
    host: this.host,
    clock: this.clock,
    onSync: (report) => this.reports.push(report),
    onError: ({ message }, retryInMs) => this.errors.push({ text: message, retryInMs }),
    onWarning: (text) => this.warnings.push(text),
  });

  constructor() {
    for (const object of everything.services) this.proxy.tracker.setService(object);
    for (const object of everything.endpointSlices) this.proxy.tracker.setSlice(object);
  }

  /** One endpoint more for svc1. */
  change(ip: string): void {
    this.proxy.tracker.setSlice(slice('ns1', 'svc1', [['p80', 80]], [{ ip }]));
    this.proxy.changed();
  }

  async during(act: () => Promise<void>): Promise<void> {
    const stop = new AbortController();
    const running = this.proxy.run(stop.signal);
    try {
      await this.clock.advance(0);
      await act();
    } finally {
      stop.abort();
      await running;
    }
  }

  has(ip: string): boolean {
    return this.kernel.state().some((line) => line.includes(`${ip} . 80`));
  }
}

test('changes within min-sync-period are loaded together, a later one at once', async () => {
  const lab = new Lab();
  await lab.during(async () => {
    expect(lab.reports).toMatchObject([{ kind: 'full' }]);
    lab.change('10.180.9.1');
    await lab.clock.advance(500);
    lab.change('10.180.9.2');
    expect(lab.reports).toHaveLength(1);
    await lab.clock.advance(500);
    expect(lab.reports.slice(1)).toMatchObject([{ kind: 'partial', changed: 1 }]);
    expect(lab.has('10.180.9.2')).toBe(true);
    await lab.clock.advance(10_000);
    expect(lab.reports).toHaveLength(2);
    lab.change('10.180.9.3');
    await lab.clock.advance(0);
    expect(lab.has('10.180.9.3')).toBe(true);
  });
});

test('a refused load is reported, tried again ever later, and then loaded as a whole', async () => {
  const lab = new Lab();
  await lab.during(async () => {
    await lab.clock.advance(2000);
    const before = lab.kernel.state();
    lab.refuses = '/dev/stdin:1:1-5: Error: out of memory';
    lab.change('10.180.9.1');
    await lab.clock.advance(16_000);
    expect(lab.errors.map(({ retryInMs }) => retryInMs)).toEqual([1000, 2000, 4000, 8000, 16_000]);
    expect(lab.errors[0]!.text).toContain(
      'out of memory\n  flush chain ip kube-proxy service-ULMVA6XW-ns1/svc1/tcp/p80',
    );
    expect(lab.kernel.state()).toEqual(before);
    lab.refuses = undefined;
    await lab.clock.advance(16_000);
    expect(lab.reports.at(-1)).toMatchObject({ kind: 'full' });
    expect(lab.has('10.180.9.1')).toBe(true);
  });
});

test('rules that somebody flushed are seen within sync-period and loaded again', async () => {
  const lab = new Lab();
  await lab.during(async () => {
    await lab.clock.advance(2000);
    const before = lab.kernel.state();
    lab.kernel = new SimulatedLoaders();
    await lab.clock.advance(30_000);
    expect(lab.warnings).toEqual(['the rules are gone: somebody has flushed them; loading them again']);
    expect(lab.kernel.state()).toEqual(before);
    await lab.clock.advance(120_000);
    expect(lab.reports.map(({ kind }) => kind)).toEqual(['full', 'full']);
  });
});

test('everything is loaded afresh once an hour', async () => {
  const lab = new Lab();
  await lab.during(async () => {
    await lab.clock.advance(3_600_000 + 60_000);
    expect(lab.reports.map(({ kind }) => kind)).toEqual(['full', 'full']);
  });
});

test('a node that moves to another zone or address has its rules thought over', async () => {
  const lab = new Lab();
  await lab.during(async () => {
    lab.proxy.setNode({ ...config.node, ips: ['192.168.0.77'] });
    await lab.clock.advance(1000);
    expect(lab.kernel.nftSets.get('nodeport-ips')).toEqual(new Map([['192.168.0.77', '']]));
    const count = lab.reports.length;
    lab.proxy.setNode({ ...config.node, ips: ['192.168.0.77'] });
    await lab.clock.advance(5000);
    expect(lab.reports).toHaveLength(count);
  });
});

test('a Service deleted while loads are refused is gone from the whole that is loaded then', async () => {
  const lab = new Lab();
  await lab.proxy.sync();
  lab.refuses = 'no';
  lab.proxy.tracker.deleteService(service('ns1', 'svc1', {}));
  await expect(lab.proxy.sync()).rejects.toThrow(ProxyError);
  lab.refuses = undefined;
  await lab.proxy.sync();
  expect(lab.kernel.state().some((line) => line.includes('ns1/svc1'))).toBe(false);
});
