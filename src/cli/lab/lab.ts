/**
 * `klab lab`: each lab lives in a cluster of its own, `lab-NAME`, with a copy of its files in that cluster's folder to
 * edit. So a reset is the removal of one cluster, and what labs do to nodes, components and clocks harms nobody.
 */
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { clusterPaths, readServer } from '../../cluster/index.ts';
import { bringUp, nameFlag, takeDown } from '../cluster.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import { printData, renderTable } from '../output.ts';
import { withTestCluster } from '../test-cluster.ts';
import { builtInLabs, findLab, type Lab, readLab, section } from './catalog.ts';
import { type CheckDeps, runCheck } from './check.ts';

export interface LabIo extends CheckDeps {
  readonly print: (text: string) => void;
}

export interface LabTarget {
  readonly lab: string;
  /** Default `lab-NAME`. */
  readonly cluster?: string;
}

const clusterOf = (lab: Lab, given?: string) => given ?? `lab-${lab.name}`;
const copyIn = (cluster: string) => join(clusterPaths(cluster).dir, 'lab');

function stateOf(lab: Lab): string {
  const paths = clusterPaths(clusterOf(lab));
  if (readServer(paths)) return 'running';
  return existsSync(paths.dir) ? 'stopped' : '';
}

export function listLabs(output: string | undefined): string {
  const labs = builtInLabs();
  if (output === 'name') return labs.map(({ name }) => `lab/${name}`).join('\n');
  if (output === 'json' || output === 'yaml') {
    const items = labs.map((lab) => ({
      name: lab.name,
      group: lab.settings.group,
      title: lab.title,
      summary: lab.summary,
      cluster: clusterOf(lab),
      state: stateOf(lab) || 'not started',
      folder: lab.folder,
    }));
    return printData({ kind: 'LabList', items }, output);
  }
  return renderTable(
    ['NAME', 'GROUP', 'STATE', 'TITLE'],
    labs.map((lab) => [lab.name, lab.settings.group ?? '', stateOf(lab), lab.title]),
  );
}

export function showLab(word: string, output: string | undefined): string {
  const { name, title, summary, text, folder, settings } = findLab(word);
  if (output === 'json' || output === 'yaml')
    return printData({ kind: 'Lab', name, title, summary, folder, settings, text }, output);
  return text;
}

/** Boots the lab's cluster, lays out its files, and prints how to begin. Started before: says where it goes on. */
export async function startLab(target: LabTarget, io: LabIo): Promise<void> {
  const { lab, cluster } = await begin(target, io);
  const { folder } = lab;
  const where = /^[\w./-]+$/.test(folder) ? folder : `'${folder}'`;
  const given = target.cluster === undefined ? '' : ` --name ${target.cluster}`;
  const parts = [
    `# ${lab.title}`,
    lab.summary,
    `First, in this shell:\n\n    export KLAB_NAME=${cluster}\n    cd ${where}`,
    section(lab, 'Try it'),
    `The whole text: klab lab show ${target.lab}\nIs it so?       klab lab check ${target.lab}${given}\n` +
      `Away with it:   klab lab reset ${target.lab}${given}`,
  ];
  io.print(parts.filter(Boolean).join('\n\n'));
}

async function begin(target: LabTarget, io: LabIo): Promise<{ lab: Lab; cluster: string; kubeconfig: string }> {
  const original = findLab(target.lab);
  const cluster = clusterOf(original, target.cluster);
  const { nodes = 3, etcdMembers = 1 } = original.settings;
  const known = existsSync(clusterPaths(cluster).dir);
  if (!readServer(clusterPaths(cluster))) io.say(`starting cluster "${cluster}" …`);
  const { info } = await bringUp(cluster, known ? {} : { nodes, etcdMembers }, { signal: io.signal });
  return { lab: workingCopy(original, cluster), cluster, kubeconfig: info.kubeconfig };
}

/** klab's own labs are copied to where they may be edited; a folder of the user's is used as it is. */
function workingCopy(lab: Lab, cluster: string): Lab {
  if (!lab.builtIn) return lab;
  const folder = join(copyIn(cluster), lab.name);
  if (!existsSync(folder)) cpSync(lab.folder, folder, { recursive: true });
  return readLab(folder, true);
}

/** In the lab's cluster, started if need be. @throws UserError (exit code 1) when the check does not pass */
export async function checkLab(target: LabTarget, io: LabIo): Promise<void> {
  const { lab, cluster, kubeconfig } = await begin(target, io);
  verdict(lab, await runCheck(lab, { name: cluster, kubeconfig }, io), io);
}

/** In a cluster that exists for the check alone, with the lab's own files. */
export async function checkLabAfresh(word: string, io: LabIo): Promise<void> {
  const lab = findLab(word);
  const { nodes = 3, etcdMembers = 1 } = lab.settings;
  const code = await withTestCluster(
    { start: { store: 'memory', nodes, etcdMembers }, timeoutMs: 60_000 },
    io,
    (cluster) => runCheck(lab, cluster, io),
  );
  verdict(lab, code, io);
}

/** Every lab of klab, each in a cluster of its own; goes on after one that fails. */
export async function checkAllLabs(io: LabIo): Promise<void> {
  const failed: string[] = [];
  for (const { name } of builtInLabs()) {
    io.signal.throwIfAborted();
    io.print(`lab/${name}`);
    try {
      await checkLabAfresh(name, io);
    } catch (error) {
      if (!(error instanceof UserError) || error.exitCode !== exitCodes.failed) throw error;
      io.say(error.message);
      failed.push(name);
    }
  }
  if (failed.length > 0) throw new UserError(`${failed.length} labs do not pass: ${failed.join(', ')}`);
}

function verdict(lab: Lab, code: number, io: LabIo): void {
  if (code === 0) {
    io.print(`lab/${lab.name} passed`);
    return;
  }
  if (code === exitCodes.interrupted || io.signal.aborted) throw new UserError('interrupted', exitCodes.interrupted);
  throw new UserError(`lab/${lab.name} did not pass: check.sh exited with ${code}`);
}

/** Removes the lab's cluster with all in it; `start` begins anew. */
export async function resetLab(target: LabTarget, io: LabIo): Promise<void> {
  const lab = findLab(target.lab);
  const cluster = clusterOf(lab, target.cluster);
  const { dir } = clusterPaths(cluster);
  // Another cluster's folder is not ours to remove: `--name default` would be somebody's work.
  if (existsSync(dir) && target.cluster !== undefined && lab.builtIn && !existsSync(join(copyIn(cluster), lab.name))) {
    throw new UserError(
      `cluster "${cluster}" was not started by lab/${lab.name}; klab down --purge${nameFlag(cluster)} removes it`,
    );
  }
  const { existed } = await takeDown(cluster, { purge: true });
  io.print(
    existed ? `lab/${lab.name} reset: cluster "${cluster}" and its files are gone` : `lab/${lab.name} was not started`,
  );
}
