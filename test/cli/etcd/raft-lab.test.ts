/** The scenario files: their stories, that they hold whatever the seed, and what is said of a bad one. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { raftRun } from '../../../src/cli/etcd/raft-lab/index.ts';

const folder = 'fixtures/labs/raft';
const scenarios = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
const goldens = join(import.meta.dirname, '../../../fixtures/golden/raft-stories');

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'klab-raft-lab-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const run = (file: string, options: { seed?: string; messages?: boolean; output?: string } = {}) =>
  raftRun({ messages: false, ...options, file });

test.each(scenarios)('%s tells its story', async (name) => {
  const { text, ok } = await run(`${folder}/${name}`);
  const story = `${stripVTControlCharacters(text)}\n`;
  await expect(story).toMatchFileSnapshot(join(goldens, name.replace('.yaml', '.txt')));
  expect(ok).toBe(true);
  expect(story.split('\n').filter((line) => line.length > 100)).toEqual([]);
});

test.each(scenarios)('%s holds whatever chance decides', async (name) => {
  for (let seed = 0; seed < 40; seed++) {
    const { text, ok } = await run(`${folder}/${name}`, { seed: `s${seed}` });
    if (!ok) expect.fail(`seed s${seed}:\n${stripVTControlCharacters(text)}`);
  }
});

test('the same seed gives the same story, another seed another one', async () => {
  const stories = await Promise.all(
    ['7', '7', '8'].map((seed) => run(`${folder}/election.yaml`, { seed, messages: true })),
  );
  expect(stories[0]!.text).toBe(stories[1]!.text);
  expect(stories[2]!.text.replace('seed 8', 'seed 7')).not.toBe(stories[0]!.text);
});

test('messages are told on request, and everything is there for programs', async () => {
  const { text } = await run(`${folder}/leader-transfer.yaml`, { messages: true });
  expect(text).toContain('MsgTimeoutNow');
  const play = JSON.parse((await run(`${folder}/election.yaml`, { output: 'json' })).text);
  expect(play).toMatchObject({ kind: 'RaftPlay', title: 'An election', seed: '1', ok: true });
  expect(play.members.map((member: { role: string }) => member.role).sort()).toEqual([
    'follower',
    'follower',
    'leader',
  ]);
});

async function failureOf(text: string): Promise<string> {
  const file = join(dir, 'bad.yaml');
  writeFileSync(file, text);
  const error = await run(file).then(
    () => expect.fail('the file was taken'),
    (reason: Error) => reason,
  );
  expect(error.name).toBe('UserError');
  return error.message.replace(`${file}:`, '');
}

test('an expectation that is not met fails the run, and says where and what is instead', async () => {
  const file = join(dir, 'wrong.yaml');
  writeFileSync(
    file,
    'title: t\nsteps:\n  - campaign: m1\n  - expect: { leader: m2, term: "> 1", applied: { m3: [x] } }\n',
  );
  const { text, ok } = await run(file);
  expect(ok).toBe(false);
  const story = stripVTControlCharacters(text);
  expect(story).toContain('✗ leader: m2; it is m1\n');
  expect(story).toContain('✗ term of m1: > 1; it is 1\n');
  expect(story).toContain('✗ applied of m3: [x]; it is []\n');
  expect(story).toContain(`${file}:4:5`);
  expect(story).toContain('5 expectations, 5 of them not met.');
});

test.each([
  ['title: [\n', /^2:1: /],
  ['steps: [{ tick: 1 }]', /^1:1: a scenario needs a title$/],
  ['title: t', /^1:1: a scenario needs a list of steps$/],
  ['title: t\nsteps: []', /^2:1: a scenario needs a list of steps$/],
  ['title: t\nmembers: 12\nsteps: [heal]', /^2:1: "members" must be a whole number from 1 to 9$/],
  ['title: t\nconfig: { electionTicks: 1 }\nsteps: [heal]', /^2:11: "electionTicks" must be a whole number from 2/],
  ['title: t\nconfig: { speed: 1 }\nsteps: [heal]', /^2:11: unknown field "speed"; there are electionTicks, /],
  ['title: t\nsteps:\n  - tick: 1\n    heal: true', /^3:5: a step is one action/],
  ['title: t\nsteps:\n  - explode: m1', /^3:5: there is no action "explode"; there are say, tick/],
  ['title: t\nsteps:\n  - crash: [m1, node2]', /^3:17: "node2" is no member/],
  ['title: t\nsteps:\n  - crash: m4', /^3:5: there is no member m4; there are m1, m2, m3$/],
  ['title: t\nsteps:\n  - propose: x=1', /^3:5: there is no leader/],
  ['title: t\nsteps:\n  - crash: m1\n  - campaign: m1', /^4:5: m1 does not run$/],
  ['title: t\nsteps:\n  - expect: { term: many }', /^3:15: "term" must be a number or a comparison/],
  ['title: t\nsteps:\n  - expect: { role: { m1: king } }', /^3:23: "king" must be one of follower, /],
  ['title: t\nsteps:\n  - expect: {}', /^3:5: nothing is expected/],
  ['title: t\nsteps:\n  - expect: { reads: { r: 1 } }', /^3:5: there is no read "r"$/],
  ['title: t\nsteps:\n  - drop: { type: MsgLunch }', /^3:13: "MsgLunch" must be one of MsgApp, /],
  ['title: t\ntitle: u\nsteps: [heal]', /^(1|2):1: .*title/],
])('a bad file is refused at its place: %j', async (text, problem) => {
  expect(await failureOf(text)).toMatch(problem);
});

test('a file that is not there is said so', async () => {
  await expect(run(join(dir, 'none.yaml'))).rejects.toThrow(/cannot read .*none\.yaml/);
});
