import { describe, expect, it } from 'vitest';
import { CpuMeter } from '../../src/kubelet/runtime/sim/cpu-meter.ts';

const cores = (meter: CpuMeter, now: number) => meter.usage(now).nanoCores / 1e9;

describe('CPU time', () => {
  it('is the rate over the last full window, none before there was one', () => {
    const meter = new CpuMeter(1_000, { idle: 0.001, limit: 4 });
    expect(meter.usage(14_000)).toMatchObject({ windowEnd: undefined });
    expect(meter.usage(15_000)).toMatchObject({ windowEnd: undefined });
    expect(meter.usage(30_000)).toMatchObject({ windowEnd: 30_000, nanoCores: 1_000_000 });
  });

  it('is the same whether it is asked for often or once', () => {
    const often = new CpuMeter(0, { idle: 0.002, limit: 1 });
    const once = new CpuMeter(0, { idle: 0.002, limit: 1 });
    for (let t = 0; t < 3_600_000; t += 7_000) often.usage(t);
    expect(often.usage(3_600_000).nanoCores).toBe(once.usage(3_600_000).nanoCores);
    expect(Math.abs(often.usage(3_600_000).total - once.usage(3_600_000).total)).toBeLessThan(1000);
  });

  it('never exceeds the limit; what waits is served later', () => {
    const meter = new CpuMeter(0, { idle: 0, limit: 0.5 });
    // Twice what the limit serves, for one window.
    for (let t = 0; t < 15_000; t += 100) meter.add(100, t);
    meter.usage(15_000);
    expect(cores(meter, 30_000)).toBeGreaterThan(0);
    const busy = new CpuMeter(0, { idle: 0, limit: 0.5 });
    for (let t = 0; t < 45_000; t += 100) busy.add(100, t);
    expect(cores(busy, 45_000)).toBeCloseTo(0.5, 6);
    // The backlog is bounded: ten seconds after the last request it is quiet.
    expect(cores(busy, 90_000)).toBe(0);
  });

  it('adds burners, and takes them away when they stop', () => {
    const meter = new CpuMeter(0, { idle: 0.1, limit: 8 });
    const stop = meter.burn(2, 0);
    expect(cores(meter, 45_000)).toBeCloseTo(2.1, 6);
    stop(45_000);
    expect(cores(meter, 60_000)).toBeCloseTo(0.1, 6);
  });
});
