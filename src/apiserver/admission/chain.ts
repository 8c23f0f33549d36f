import type { AdmissionAttributes, AdmissionChain, AdmissionPlugin } from '../types.ts';

/** Calls every plugin in order; the first that throws ends the request. Upstream: apiserver/pkg/admission/chain.go. */
export function admissionChain(plugins: readonly AdmissionPlugin[]): AdmissionChain {
  const mutating = plugins.filter((plugin) => plugin.admit);
  const validating = plugins.filter((plugin) => plugin.validate);
  return {
    async admit(attributes: AdmissionAttributes): Promise<void> {
      for (const plugin of mutating) {
        if (!plugin.handles(attributes.operation)) continue;
        const pending = plugin.admit!(attributes);
        if (pending) await pending;
      }
    },
    async validate(attributes: AdmissionAttributes): Promise<void> {
      for (const plugin of validating) {
        if (!plugin.handles(attributes.operation)) continue;
        const pending = plugin.validate!(attributes);
        if (pending) await pending;
      }
    },
  };
}
