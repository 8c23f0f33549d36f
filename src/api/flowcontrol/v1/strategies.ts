/** Checked by their schemas; the defaults are upstream's: pkg/apis/flowcontrol/v1/defaults.go (1.36). */
import { setIfAbsent, setIfZero } from '../../defaulting.ts';
import type { Strategy } from '../../definition.ts';

export const flowSchemaStrategy: Strategy = {
  generation: 'spec',
  applyDefaults(object) {
    setIfAbsent(object, 'spec', {});
    setIfZero(object['spec'], 'matchingPrecedence', 1000);
  },
};

export const priorityLevelStrategy: Strategy = {
  generation: 'spec',
  applyDefaults(object) {
    setIfAbsent(object, 'spec', {});
    const { exempt, limited } = object['spec'];
    if (exempt) {
      setIfAbsent(exempt, 'nominalConcurrencyShares', 0);
      setIfAbsent(exempt, 'lendablePercent', 0);
    }
    if (!limited) return;
    setIfAbsent(limited, 'nominalConcurrencyShares', 30);
    setIfAbsent(limited, 'lendablePercent', 0);
    const queuing = limited.limitResponse?.queuing;
    if (!queuing) return;
    setIfZero(queuing, 'handSize', 8);
    setIfZero(queuing, 'queues', 64);
    setIfZero(queuing, 'queueLengthLimit', 50);
  },
};
