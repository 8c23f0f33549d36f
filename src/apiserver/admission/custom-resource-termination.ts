import { newForbidden } from '../../apimachinery/index.ts';
import { groupResource } from '../registry/request.ts';
import type { AdmissionPlugin } from '../types.ts';

/** Nothing new comes while its definition goes. Upstream: customresource_handler.go (forbidCreateAdmission); not a plugin there. */
export const customResourceTermination: AdmissionPlugin = {
  name: 'CustomResourceTermination',
  handles: (operation) => operation === 'CREATE',
  admit({ definition, name }) {
    if (!definition.terminating) return;
    throw newForbidden(
      groupResource(definition),
      name,
      'create not allowed while custom resource definition is terminating',
    );
  },
};
