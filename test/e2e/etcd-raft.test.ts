import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, Lab } from '../helpers/lab.ts';

/** Raft in the hand: faults for members of a running cluster, and an API server that does not notice them. */
const lab = new Lab();

interface Status {
  readonly serving: string;
  readonly members: readonly { readonly name: string; readonly role: string; readonly commit: number }[];
}

const act = async (...args: string[]): Promise<Status> =>
  JSON.parse(await lab.klab('etcd', 'raft', ...args, '-o', 'json'));
const status = () => act('status');
const leaderOf = ({ members }: Status) => members.find(({ role }) => role === 'leader')?.name;

beforeAll(() => lab.klab('up', '--etcd-members', '3', '--nodes', '1'));
afterAll(() => lab.dispose());

test('the API server serves writes, reads and watches while any one member is paused, crashed or cut off', async () => {
  for (const fault of ['pause', 'crash', 'partition'] as const) {
    const { serving } = await status();
    await act(fault, serving);
    expect((await status()).serving).not.toBe(serving);
    await lab.kubectl('create', 'configmap', `during-${fault}`, '--from-literal=a=b');
    // A deployment's pods come up only if the controllers' watches went along.
    await lab.kubectl('create', 'deployment', `during-${fault}`, '--image=nginx');
    await lab.kubectl('rollout', 'status', `deployment/during-${fault}`, '--timeout=60s');
    if (fault === 'pause') await act('resume', serving);
    if (fault === 'crash') await act('restart', serving);
    if (fault === 'partition') await act('heal');
    await eventually(status, ({ members }) => new Set(members.map(({ commit }) => commit)).size === 1);
  }
});

test('leadership is handed to the member named', async () => {
  const before = await status();
  const target = before.members.find(({ name }) => name !== leaderOf(before))!.name;
  expect(leaderOf(await act('transfer', target))).toBe(target);
});

test('held messages wait for a step and say what they mean', async () => {
  const { serving, members } = await status();
  const other = members.find((m) => m.name !== serving && m.role !== 'leader')!.name;
  await act('hold', other);
  await lab.kubectl('create', 'configmap', 'while-held', '--from-literal=a=b');
  const text = await lab.klab('etcd', 'raft', 'messages', '--held', '--limit', '200');
  expect(text).toContain('held');
  expect(text).toMatch(/(entry|entries) after \d+ of term/);
  // A step takes the oldest, heartbeats too: the list says that there are some.
  expect(text).toMatch(/\d+ heartbeats?, which a step delivers like any other/);
  const all = await lab.klab('etcd', 'raft', 'messages', '--held', '--heartbeats', '--limit', '1');
  const seq = all.split('\n')[1]!.split(' ')[0]!;
  expect(await lab.klab('etcd', 'raft', 'step')).toMatch(new RegExp(`^${seq} .* delivered `, 'm'));
  await act('release');
  expect(await lab.klab('etcd', 'raft', 'messages', '--held')).toContain('no messages are waiting');
});

test('slow and lossy links stand in the status until they are as they were', async () => {
  await act('link', 'm1', 'm2', '--delay', '30', '--jitter', '10', '--drop', '0.25');
  expect(await lab.klab('etcd', 'raft', 'status')).toContain(
    'Messages from m1 to m2 take 30 to 40 ms and are lost 25 times in 100.',
  );
  await act('link', '--delay', '5');
  const every = await lab.klab('etcd', 'raft', 'status');
  expect(every).toContain('Messages between the members take 5 ms.');
  expect(every).not.toContain('30 to 40 ms');
  await act('link');
  expect(await lab.klab('etcd', 'raft', 'status')).not.toContain('Messages');
});

async function writeUntil(over: () => boolean): Promise<void> {
  for (let i = 0; !over(); i++) await lab.kubectl('create', 'configmap', `while-watched-${i}`, '--from-literal=a=b');
}

test('raft watch tells in a pipe what the members do', async () => {
  const watching = lab.try(['etcd', 'raft', 'watch'], { timeoutMs: 8000 });
  const pictures = lab.try(['etcd', 'raft', 'watch', '-o', 'json'], { timeoutMs: 8000 });
  let over = false;
  const { stdout } = await Promise.all([watching.finally(() => (over = true)), writeUntil(() => over)]).then(
    ([a]) => a,
  );
  expect(stdout.match(/ m\d is (leader|follower) in term \d+, commit \d+/g)).toHaveLength(3);
  expect(stdout).toMatch(/ entry \d+ of term \d+ is with m1, m2, m3: .*configmaps\/default\/while-watched-\d/);
  expect(stdout).toMatch(/ #\d+ m\d → m\d MsgApp term \d+ delivered: 1 entry after/);
  const first = JSON.parse((await pictures).stdout.split('\n')[0]!);
  expect(first).toMatchObject({ kind: 'RaftView', network: { cuts: [], holding: [] }, inFlight: [] });
  expect(first.logs).toHaveLength(3);
});

test('what cannot be done is refused in words', async () => {
  const refused = async (...args: string[]) => {
    const { code, stderr } = await lab.try(['etcd', 'raft', ...args]);
    expect(code).toBe(1);
    return stderr;
  };
  expect(await refused('pause', 'nobody')).toContain('etcd members "nobody" not found');
  expect(await refused('restart', (await status()).serving)).toContain('it runs already');
  expect(await refused('step')).toContain('no messages are held back');
  expect(await refused('cut', 'm1', 'm1')).toContain('a member has no link to itself');
  expect(await refused('link', 'm2', 'm2', '--delay', '5')).toContain('a member has no link to itself');
  expect(await refused('log', 'nobody')).toContain('etcd members "nobody" not found');
  expect(await refused('partition', 'm1,m2', 'm2')).toContain('a member cannot be on two sides');
});

test('a user without rights cannot touch the members', async () => {
  const { code, stderr } = await lab.try(['etcd', 'raft', 'crash', 'm1', '--as', 'jane']);
  expect(code).toBe(1);
  expect(stderr).toContain('User "jane" cannot post path "/klab/v1/etcd/raft"');
});
