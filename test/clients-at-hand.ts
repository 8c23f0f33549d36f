/** Before the first file of a suite with real clients: they are fetched once, not by every worker. */
import { helmPath, kubectlPath } from './helpers/clients.ts';

export default function setup(): void {
  kubectlPath();
  helmPath();
}
