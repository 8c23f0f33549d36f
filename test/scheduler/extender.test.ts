/** Extenders over HTTP: asked, ignored, lying, hanging. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/index.ts';
import { Extender } from '../../src/scheduler/extender/extender.ts';
import { postToExtender } from '../../src/scheduler/extender/http.ts';
import { podInfoOf, SchedulingCycle } from '../../src/scheduler/index.ts';
import { cycleOver, makeNode, makePod } from './objects.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

/** An answer that is no JSON. */
class Raw {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** `answer` undefined: it never answers. */
async function serve(answer: (verb: string, args: any) => unknown): Promise<{ url: string; seen: any[] }> {
  const seen: any[] = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const args = JSON.parse(Buffer.concat(chunks).toString());
      seen.push({ verb: request.url, args });
      const given = answer(request.url!.split('/').at(-1)!, args);
      if (given === undefined) return;
      const body = given instanceof Raw ? given.text : JSON.stringify(given);
      response.writeHead(given === 500 ? 500 : 200).end(body);
    });
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server!.address() as AddressInfo).port}/x/`, seen };
}

function decide(extender: ConstructorParameters<typeof Extender>[0]) {
  const nodes = ['a', 'b', 'c'].map((name) => makeNode(name));
  const { cache, profile } = cycleOver(nodes);
  const cycle = new SchedulingCycle(profile, new Prng('x'), { extenders: [new Extender(extender, postToExtender)] });
  return cycle.runWithExtenders(podInfoOf(makePod('p')), cache, new AbortController().signal);
}

describe('an extender', () => {
  it('takes nodes away, and its reasons are in the message', async () => {
    const { url, seen } = await serve(() => ({ NodeNames: [], FailedNodes: { a: 'no licence', b: 'no licence' } }));
    const outcome = await decide({ urlPrefix: url, filterVerb: 'filter', nodeCacheCapable: true });
    expect(seen[0].verb).toBe('/x/filter');
    expect(seen[0].args).toMatchObject({ Nodes: null, NodeNames: ['a', 'b', 'c'] });
    expect(outcome.message).toBe('0/3 nodes are available: 2 no licence.');
    expect([...outcome.refusedBy]).toContain('Extender');
  });

  it('gets whole nodes when it knows none, and its scores count', async () => {
    const { url, seen } = await serve((verb, args) =>
      verb === 'filter' ? { Nodes: { items: args.Nodes.items.slice(1) } } : [{ Host: 'c', Score: 10 }],
    );
    const outcome = await decide({ urlPrefix: url, filterVerb: 'filter', prioritizeVerb: 'score', weight: 2 });
    expect(seen[0].args.Nodes.items).toHaveLength(3);
    expect(outcome.node).toBe('c');
  });

  it.each([
    [
      'that invents nodes',
      { NodeNames: ['z'] },
      /claims a filtered node "z" which is not found in the input node list/,
    ],
    ['that says it failed', { Error: 'out of order' }, /^out of order$/],
    ['that answers a page', new Raw('<html>'), /extender at URL .*\/x\/filter did not answer JSON/],
    ['that ends in the middle', new Raw('{"NodeNames": ["a"'), /extender at URL .*\/x\/filter did not answer JSON/],
    ['that answers a list', ['a'], /extender at URL .* did not answer an object/],
    ['that answers 500', 500, /failed filter with extender at URL .*\/x\/filter, code 500/],
    ['that hangs', undefined, /Post ".*": context deadline exceeded/],
  ])('%s ends the attempt, unless it may be ignored', async (_name, answer, error) => {
    const { url } = await serve(() => answer);
    const config = { urlPrefix: url, filterVerb: 'filter', nodeCacheCapable: true, httpTimeoutMs: 200 };
    await expect(decide(config)).rejects.toThrow(error);
    expect((await decide({ ...config, ignorable: true })).node).toBeDefined();
  });

  it.each([
    ['a page', new Raw('<html>')],
    ['no list', { Host: 'c', Score: 10 }],
    ['nodes that are not there', [{ Host: 'z', Score: 10 }]],
    ['no numbers', [{ Host: 'c', Score: '10' }, { Host: 'c', Score: 1.5 }, { Host: 'c', Score: null }, null, 'c']],
    ['an error', 500],
  ])('that scores with %s changes nothing', async (_name, answer) => {
    const { url, seen } = await serve(() => answer);
    const outcome = await decide({ urlPrefix: url, prioritizeVerb: 'score', weight: 100, nodeCacheCapable: true });
    expect(seen).toHaveLength(1);
    expect(outcome.node).toBe((await decide({ urlPrefix: url, weight: 100 })).node);
  });

  it('may score above 10 or below 0, as upstream lets it', async () => {
    const { url } = await serve(() => [
      { Host: 'a', Score: -1000 },
      { Host: 'b', Score: 1_000_000 },
      { Host: 'c', Score: 10 },
    ]);
    expect((await decide({ urlPrefix: url, prioritizeVerb: 'score', weight: 1 })).node).toBe('b');
  });

  it('is not asked about pods that do not use what it manages', async () => {
    const { url, seen } = await serve(() => ({ NodeNames: [] }));
    const managedResources = [{ name: 'example.com/fpga' }];
    const outcome = await decide({ urlPrefix: url, filterVerb: 'filter', managedResources });
    expect(outcome.node).toBeDefined();
    expect(seen).toEqual([]);
  });
});
