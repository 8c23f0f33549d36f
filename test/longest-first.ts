import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Seconds of the files that take long. They begin first: a long one that begins last keeps one worker busy while the
 * others have nothing left to do.
 */
const seconds: Readonly<Record<string, number>> = {
  'test/e2e/labs.test.ts': 144,
  'test/e2e/imperative-parity.test.ts': 114,
  'test/e2e/helm-charts.test.ts': 64,
  'test/e2e/edit-diff-parity.test.ts': 60,
  'test/e2e/auth-parity.test.ts': 58,
  'test/e2e/kubectl-skew.test.ts': 57,
  'test/e2e/kubectl-commands.test.ts': 46,
  'test/e2e/storage.test.ts': 41,
  'test/e2e/scheduler-what-if.test.ts': 39,
  'test/e2e/kubectl.test.ts': 39,
  'test/e2e/lifecycle.test.ts': 33,
  'test/e2e/streaming-klab.test.ts': 29,
  // It waits for most of its time.
  'test/real/etcdctl-check.test.ts': 200,
  'test/real/trace-kernel.test.ts': 80,
  'test/real/policies.test.ts': 51,
  'test/real/etcd-servers.test.ts': 45,
  'test/real/packets.test.ts': 25,
  'test/real/etcdctl.test.ts': 22,
  'test/real/klab-etcd.test.ts': 19,
  'test/raft/simulation.test.ts': 24,
  'test/simulation/faults.test.ts': 22,
};

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const usual = await super.sort(files);
    const of = ({ moduleId }: TestSpecification) => seconds[relative(process.cwd(), moduleId)] ?? 0;
    return usual.sort((a, b) => of(b) - of(a));
  }
}
