/* The operations of the client API. A test checks them against its schema. */

export const userOperation = `query UserData {
  currentUser {
    id name email
    subscriptions { id packageId version isAddon status startedAt trialEnd cancelsAt }
  }
  entitlements {
    feature { id name type unitLabel unitLabelPlural metadata }
    access reason
    consumption { used budget remaining overageEnabled }
    periodStart periodEnd packageId
  }
}`;

export const packagesOperation = `query Packages($first: Int) {
  packages(first: $first) {
    id name isAddon version metadata
    prices { id amount displayAmount currency interval }
    packageFeatures {
      featureId name type unitLabel unitLabelPlural metadata limit resetPeriod resetEvery overageEnabled
    }
  }
}`;
