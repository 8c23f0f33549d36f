/**
 * What shells show: the scripts of `klab completion` in a real bash (and in zsh and fish where they are installed), names
 * from a running cluster, and what kubectl answers for the same words.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bin, eventually, Lab, type Ran, run } from '../helpers/lab.ts';

const lab = new Lab();
const folder = join(lab.home, 'work');
const env = { ...lab.env, PATH: `${join(lab.home, 'bin')}${delimiter}${process.env['PATH']}` };
const names = ['api-0', 'web-0', 'web-1'];

beforeAll(async () => {
  mkdirSync(join(lab.home, 'bin'), { recursive: true });
  writeFileSync(join(lab.home, 'bin', 'klab'), `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`, {
    mode: 0o755,
  });
  mkdirSync(join(folder, 'manifests'), { recursive: true });
  for (const file of ['web.yaml', 'web.json', 'notes.txt']) writeFileSync(join(folder, file), '');
  await lab.klab('up');
  for (const name of names) await lab.kubectl('run', name, '--image=nginx');
  await eventually(
    () => lab.kubectl('get', 'pods', '-o', 'name'),
    (text) => text.trim().split('\n').length === names.length,
  );
}, 120_000);
afterAll(() => lab.dispose(), 60_000);

const shell = (file: string, args: readonly string[], input?: string): Promise<Ran> =>
  run(file, args, { env, cwd: folder, ...(input !== undefined && { input }) });

/**
 * The words as readline hands them over (cut at blanks, `:` and `=`), the last one at the cursor; what lies in COMPREPLY
 * and which options were set by compopt, which only works inside a completion.
 */
async function bash(words: readonly string[], line: string, type = 9): Promise<string[]> {
  const script = `
    source <(klab completion bash)
    compopt() { echo "compopt $*"; }
    # The script asks whether it is the shell's own.
    type() { if [[ $* == '-t compopt' ]]; then echo builtin; else builtin type "$@"; fi; }
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_POINT=\${#COMP_LINE} COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
    __start_klab
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const ran = await run('bash', ['--norc', '--noprofile', '-c', script, 'bash', ...words], {
    env: { ...env, COMP_LINE: line, COMP_TYPE: String(type), COLUMNS: '60' },
    cwd: folder,
  });
  expect(ran.stderr).toBe('');
  return ran.stdout.trim().split('\n');
}

describe('bash', () => {
  it('completes commands, and describes them in a list', async () => {
    expect(await bash(['klab', 'rollo'], 'klab rollo')).toEqual(['compopt +o default', 'rollout']);
    const listed = await bash(['klab', 'rollout', ''], 'klab rollout ', 63);
    expect(listed).toContainEqual(expect.stringMatching(/^status {3,}\(/));
    expect(listed.every((text) => text.length <= 60)).toBe(true);
  });

  it('completes names from the cluster', async () => {
    expect(await bash(['klab', 'get', 'pods', 'w'], 'klab get pods w')).toEqual([
      'compopt +o default',
      'web-0',
      'web-1',
    ]);
    expect(await bash(['klab', 'get', 'pod/a'], 'klab get pod/a')).toEqual(['compopt +o default', 'pod/api-0']);
  });

  it('puts together what it cuts at = and :', async () => {
    const line = 'klab get pods --namespace=kube-s';
    expect(await bash(['klab', 'get', 'pods', '--namespace', '=', 'kube-s'], line)).toEqual([
      'compopt +o default',
      'kube-system',
    ]);
    expect(await bash(['klab', 'get', '--namespace', '='], 'klab get --namespace=')).toContain('kube-system');
    const subject = 'klab create rolebinding x --serviceaccount=default:d';
    const words = ['klab', 'create', 'rolebinding', 'x', '--serviceaccount', '=', 'default', ':', 'd'];
    expect(await bash(words, subject)).toEqual(['compopt +o default', 'default']);
  });

  it('completes what stands before the cursor, whatever follows it', async () => {
    expect(await bash(['klab', 'get', 'pods', 'web-0'], 'klab get pods a')).toContain('api-0');
  });

  it('takes quotes off and lets no word run as a command', async () => {
    expect(await bash(['klab', 'get', 'pods', '-n', '"kube-s'], 'klab get pods -n "kube-s')).toContain('kube-system');
    const evil = '$(>evil)';
    await bash(['klab', 'get', evil, ''], `klab get ${evil} `);
    expect((await shell('ls', [])).stdout).not.toContain('evil');
  });

  it('offers manifests and folders where they belong', async () => {
    const offered = await bash(['klab', 'apply', '-f', ''], 'klab apply -f ');
    expect(offered.sort()).toEqual(['compopt -o filenames', 'manifests', 'web.json', 'web.yaml']);
    expect(await bash(['klab', 'apply', '-k', ''], 'klab apply -k ')).toEqual(['compopt -o filenames', 'manifests']);
  });

  it('goes on after a slash without a space', async () => {
    expect(await bash(['klab', 'logs', 'deploy'], 'klab logs deploy')).toEqual([
      'compopt -o nospace',
      'compopt +o default',
      'deployments/',
    ]);
  });

  it('completes an alias of one’s own', async () => {
    expect(await bash(['k', 'get', 'pods', 'a'], 'k get pods a')).toContain('api-0');
  });
});

const installed = (program: string): boolean => {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

describe.skipIf(!installed('fish'))('fish', () => {
  const offered = async (line: string): Promise<string[]> => {
    const script = `source (klab completion fish | psub); complete -C '${line}'`;
    const ran = await shell('fish', ['--no-config', '-c', script]);
    expect(ran.stderr).toBe('');
    return ran.stdout.trim().split('\n');
  };

  it('completes commands, names, values and files', async () => {
    expect(await offered('klab rollou')).toEqual([expect.stringMatching(/^rollout\t/)]);
    expect(await offered('klab get pods w')).toEqual(['web-0', 'web-1']);
    expect(await offered('klab get pods --namespace=kube-s')).toEqual(['--namespace=kube-system']);
    expect(await offered('klab apply -f web')).toEqual(
      expect.arrayContaining([expect.stringMatching(/^web\.json/), expect.stringMatching(/^web\.yaml/)]),
    );
    expect(await offered('klab apply -f n')).toEqual(['']);
  });
});

describe.skipIf(!installed('zsh'))('zsh', () => {
  /** A zsh of its own on a pseudo-terminal: the line as it stands after Tab. */
  const typed = async (line: string): Promise<string> => {
    const script = `
      zmodload zsh/zpty
      zpty z zsh -f -i
      read-until() { local text; until [[ $out == *\${~1}* ]]; do zpty -r z text || break; out+=$text; done }
      out=''
      zpty -w z "PS1='ready> '; autoload -Uz compinit && compinit -u -D; source <(klab completion zsh); bindkey '^X' end-of-line"
      zpty -w z "finish() { print -r -- \\"LINE<\\$BUFFER>\\"; zle send-break }; zle -N finish; bindkey '^G' finish; print sour''ced"
      read-until sourced
      out=''
      zpty -w -n z '${line}'$'\\t\\a'
      read-until 'LINE<*>'
      print -r -- "$out"
      zpty -d z`;
    const ran = await shell('zsh', ['-f', '-c', script]);
    return /LINE<(.*?)>/s.exec(ran.stdout)?.[1] ?? `${ran.stdout}${ran.stderr}`;
  };

  it('completes commands, names, values', async () => {
    expect(await typed('klab rollou')).toBe('klab rollout ');
    expect(await typed('klab get pods a')).toBe('klab get pods api-0 ');
    expect(await typed('klab get pods --namespace=kube-s')).toBe('klab get pods --namespace=kube-system ');
    expect(await typed('klab logs deploy')).toBe('klab logs deployments/');
    expect(await typed('klab apply -f web.y')).toMatch(/^klab apply -f web.*yaml/);
  });
});

describe('beside kubectl', () => {
  const cases = `get |get po|get pods |get pods,depl|get pod/|get pods web-0 |get pod/web-0 |get pod/web-0 dep|get nosuch |
    logs |logs web-0 |logs a|exec |exec web-0 |exec web-0 -c |exec web-0 -- |attach deploy|port-forward |port-forward services/|
    -n |-n kube-system get pods |get pods -n kube|get --namespace=ku|cordon |taint |taint node |label pods |
    describe pod/w|delete pod/web-0 pod/|rollout status |rollout status deployment |cp |cp web|config use-context |
    get pods --context |top pod |top node |expose |set image |apply -f |patch pods |edit pods |debug we|autoscale deployment |`;
  it.each(
    cases
      .split('|')
      .map((text) => text.replace(/^\s+/, ''))
      .filter(Boolean),
  )('%s', async (text) => {
    const words = text.split(' ');
    const [ours, theirs] = await Promise.all([
      lab.try(['__complete', ...words]),
      lab.tryKubectl(['__complete', ...words]),
    ]);
    // kubectl offers flags that must be given among the words.
    expect(ours.stdout).toBe(theirs.stdout.replace(/^--.*\n/gm, ''));
  });
});

it('boots nothing: without a cluster there are no names, but all commands', async () => {
  const away = { ...env, KLAB_NAME: 'nowhere' };
  const names = await run(process.execPath, [bin, '__complete', 'get', 'pods', ''], { env: away });
  expect(names).toEqual({ code: 0, stdout: ':4\n', stderr: expect.stringContaining('not running') });
  expect((await run(process.execPath, [bin, '__completeNoDesc', 'rollou'], { env: away })).stdout).toBe(
    'rollout\n:4\n',
  );
  expect((await lab.try(['ls', '-o', 'name'])).stdout).toBe('default\n');
});

it('refuses what is no shell in kubectl’s words', async () => {
  for (const words of [[], ['tcsh'], ['bash', 'zsh']]) {
    const [ours, theirs] = await Promise.all([
      lab.try(['completion', ...words]),
      lab.tryKubectl(['completion', ...words]),
    ]);
    expect(ours.stderr.replaceAll('klab', 'kubectl')).toBe(theirs.stderr);
    expect(ours.code).toBe(2);
  }
});
