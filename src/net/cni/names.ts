/** Names that the CNI specification restricts. Upstream: pkg/utils of containernetworking/cni, whose words the errors are. */
import { badRequest, cniCodes } from './cni-error.ts';

const identifier = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const interfaceNameMax = 15;

/** @throws CniError (code 4) */
export function checkContainerId(id: string): void {
  if (id === '') throw badRequest('missing containerID', cniCodes.badEnvironment);
  if (!identifier.test(id)) {
    throw badRequest(
      `invalid characters in containerID: ${JSON.stringify(id)} must start with a letter or digit, and letters, digits, "_", "." and "-" may follow`,
      cniCodes.badEnvironment,
    );
  }
}

/** @throws CniError (code 7) */
export function checkNetworkName(name: string): void {
  if (name === '') throw badRequest('missing network name');
  if (!identifier.test(name)) {
    throw badRequest(
      `invalid characters found in network name: ${JSON.stringify(name)} must start with a letter or digit, and letters, digits, "_", "." and "-" may follow`,
    );
  }
}

/** As the kernel has it. @throws CniError (code 4) */
export function checkInterfaceName(name: string): void {
  const why = interfaceNameProblem(name);
  if (why !== undefined) {
    throw badRequest(`invalid interface name ${JSON.stringify(name)}: ${why}`, cniCodes.badEnvironment);
  }
}

function interfaceNameProblem(name: string): string | undefined {
  if (name === '') return 'interface name is empty';
  if (Buffer.byteLength(name) > interfaceNameMax) {
    return `interface name is too long: ${Buffer.byteLength(name)} bytes, at most ${interfaceNameMax}`;
  }
  if (name === '.' || name === '..') return 'interface name is . or ..';
  return /[/:\s]/.test(name) ? 'interface name contains / or : or whitespace characters' : undefined;
}

/** `K=V` pairs for CNI_ARGS, which separates them by semicolons. @throws CniError (code 4) */
export function parseArgs(pairs: readonly string[]): [string, string][] {
  return pairs.map((pair) => {
    const [, key, value] = /^([A-Za-z0-9_.-]+)=([^=;]*)$/.exec(pair) ?? [];
    if (key === undefined || value === undefined) {
      throw badRequest(
        `invalid CNI_ARGS pair ${JSON.stringify(pair)}: it is KEY=VALUE without "=" or ";" in the value`,
        cniCodes.badEnvironment,
      );
    }
    return [key, value];
  });
}
