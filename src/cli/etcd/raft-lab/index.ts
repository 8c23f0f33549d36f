/** `klab etcd raft run FILE`: a scenario played in this process, without any cluster. */
import { readFileSync } from 'node:fs';
import { UserError } from '../../exit-codes.ts';
import { readYaml } from '../../manifests/yaml.ts';
import { printData } from '../../output.ts';
import { playScenario } from './play.ts';
import { readScenario } from './scenario.ts';
import { renderStory } from './story.ts';

export interface RaftRunRequest {
  readonly file: string;
  /** In place of the file's own. */
  readonly seed?: string;
  readonly messages: boolean;
  readonly output?: string;
}

/** @throws UserError with file:line:column for a file that is wrong. */
export async function raftRun(request: RaftRunRequest): Promise<{ readonly text: string; readonly ok: boolean }> {
  const { file, seed, messages, output } = request;
  let source: string;
  try {
    source = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new UserError(`cannot read ${file}: ${(error as Error).message}`);
  }
  const name = file === '-' ? 'stdin' : file;
  const { documents, problems } = await readYaml(source, name);
  const [problem] = problems;
  if (problem) {
    const { line, column } = problem.position;
    throw new UserError(`${name}:${line}:${column}: ${problem.reason}`);
  }
  if (documents.length !== 1) throw new UserError(`${name}: a scenario is one document, here are ${documents.length}`);
  const play = playScenario(readScenario(documents[0]!), seed);
  if (output === 'json' || output === 'yaml')
    return { text: printData({ kind: 'RaftPlay', ...play }, output), ok: play.ok };
  return { text: renderStory(play, { messages }), ok: play.ok };
}
