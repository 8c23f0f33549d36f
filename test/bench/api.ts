/** Requests a second at the API server, over HTTPS, on a durable store. */
import { Lab } from '../helpers/lab.ts';
import { type Row, row } from './row.ts';
import { adminClient } from './workload.ts';

const inFlight = 16;
const secondsEach = 3;

/** Calls a second, `inFlight` at a time. */
async function rate(call: (i: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const run = async (until: number) => {
    while (performance.now() < until) await call(next++);
  };
  const lanes = (ms: number) => {
    const until = performance.now() + ms;
    return Promise.all(Array.from({ length: inFlight }, () => run(until)));
  };
  await lanes(500);
  const before = next;
  const start = performance.now();
  await lanes(secondsEach * 1000);
  return ((next - before) / (performance.now() - start)) * 1000;
}

export async function api(): Promise<Row[]> {
  const lab = new Lab();
  try {
    await lab.klab('up');
    const { client, close } = await adminClient(lab);
    const configMaps = client.resource('configmaps').namespace('default');
    const configMap = (name: string) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'default' },
      data: { key: 'x'.repeat(200) },
    });
    for (let i = 0; i < 100; i++) await configMaps.create(configMap(`listed-${i}`));
    const rates: [string, number][] = [
      ['get', await rate((i) => configMaps.get(`listed-${i % 100}`))],
      ['list of 100', await rate(() => configMaps.list())],
      ['create', await rate((i) => configMaps.create(configMap(`made-${i}`)))],
    ];
    await close();
    return rates.map(([name, value]) => row(`API over HTTPS, ${inFlight} in flight: ${name}`, '1/s', value, true));
  } finally {
    await lab.dispose();
  }
}
