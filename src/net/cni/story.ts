/** What happens between a runtime and its plugins, told so that it teaches the protocol. */
import { decodeJson, stringifyJson } from '../../apimachinery/index.ts';
import { codeMeaning } from './cni-error.ts';
import { isObject, type JsonObject } from './config.ts';
import type { PluginRequest } from './request.ts';
import { addressesOf, type CniResult } from './result.ts';
import type { CniEvent } from './runtime.ts';

const verbs: Readonly<Record<string, string>> = {
  ADD: 'make the interface, or add to what earlier plugins made',
  DEL: 'undo what ADD did; nothing left to undo is no error',
  CHECK: 'see whether all is still as ADD left it',
  STATUS: 'say whether ADD would be served',
  GC: 'drop whatever belongs to none of the valid attachments',
  VERSION: 'name the versions of the specification you speak',
};

/** One event in lines of text. */
export function storyOf(event: CniEvent): string[] {
  switch (event.type) {
    case 'note':
      return [event.text];
    case 'version': {
      const { network, version } = event;
      const chain = network.plugins.map(({ type }) => type).join(' → ');
      const choice =
        network.offeredVersions.length > 1
          ? `, the newest of ${network.offeredVersions.join(', ')} that all speak`
          : '';
      return [`network ${network.name}: ${chain}, CNI ${version}${choice}`];
    }
    case 'request':
      return requestLines(event.request, event.executable, event.position, event.of);
    case 'answer':
      return answerLines(event).map((line) => `  ${line}`);
  }
}

function requestLines(request: PluginRequest, executable: string, position: number, of: number): string[] {
  const { command, type, env, stdin } = request;
  const config = decodeJson(stdin).value as JsonObject;
  const set = Object.entries(env).filter(([, value]) => value !== '');
  return [
    '',
    `${command} ${type} (plugin ${position} of ${of}): ${verbs[command]}`,
    `  runs ${executable} with`,
    ...set.map(([name, value]) => `    ${name}=${value}`),
    '  and on its standard input, beside its own part of the configuration:',
    ...injected(config).map((line) => `    ${line}`),
  ];
}

/** What the runtime puts into the configuration, and why. */
function injected(config: JsonObject): string[] {
  const lines = [
    `name, cniVersion: ${stringifyJson(config['name'])}, ${stringifyJson(config['cniVersion'])} (the list's, for every plugin)`,
  ];
  if (config['runtimeConfig'] !== undefined) {
    lines.push(`runtimeConfig: ${stringifyJson(config['runtimeConfig'])} (it has these capabilities)`);
  } else {
    const capabilities = isObject(config['capabilities']) ? Object.entries(config['capabilities']) : [];
    const names = capabilities.flatMap(([name, on]) => (on ? [name] : []));
    if (names.length > 0) lines.push(`no runtimeConfig: nothing was given for ${names.join(', ')} (see --cap)`);
  }
  if (config['prevResult'] !== undefined) {
    lines.push(`prevResult: ${stringifyJson(config['prevResult'])}`);
  }
  const valid = config['cni.dev/valid-attachments'];
  if (valid !== undefined) lines.push(`cni.dev/valid-attachments: ${stringifyJson(valid)}`);
  return lines;
}

function answerLines({ request, run, result }: Extract<CniEvent, { type: 'answer' }>): string[] {
  const stderr =
    run.stderr.trim() === ''
      ? []
      : run.stderr
          .trim()
          .split('\n')
          .map((line) => `stderr: ${line}`);
  if (run.code === 0) {
    return result
      ? ['exit code 0, a result:', ...summaryOf(result).map((line) => `  ${line}`), ...stderr]
      : ['exit code 0, which is all it has to say', ...stderr];
  }
  const end = run.code === null ? `killed by ${run.signal ?? 'a signal'}` : `exit code ${run.code}`;
  return [`${end}: ${errorOf(run.stdout)}`, ...stderr, ...(request.command === 'DEL' ? [] : ['the chain ends here'])];
}

function errorOf(stdout: string): string {
  try {
    const { code, msg } = JSON.parse(stdout) as { code: number; msg: string };
    return `error ${code} (${codeMeaning(code)}): ${msg}`;
  } catch {
    return 'no error that could be read';
  }
}

/** A result's interfaces, addresses and routes, a line each. */
export function summaryOf(result: CniResult): string[] {
  const { interfaces = [], ips = [], routes = [], dns } = result;
  const nameOf = (index: number | undefined) => (index === undefined ? undefined : interfaces[index]?.name);
  const lines = interfaces.map(
    ({ name, mac, sandbox }) =>
      `interface ${name}${mac ? ` (${mac})` : ''} ${sandbox ? `in ${sandbox}` : 'on the node'}`,
  );
  for (const { address, gateway, interface: index } of ips) {
    const on = nameOf(index);
    lines.push(`address ${address}${on ? ` on ${on}` : ''}${gateway ? `, gateway ${gateway}` : ''}`);
  }
  for (const { dst, gw } of routes) lines.push(`route ${dst}${gw ? ` via ${gw}` : ''}`);
  const { nameservers } = (dns ?? {}) as { nameservers?: string[] };
  if (nameservers && nameservers.length > 0) lines.push(`nameservers ${nameservers.join(', ')}`);
  return lines.length === 0 && addressesOf(result).length === 0 ? ['an empty result'] : lines;
}
