package e2e

import "testing"

// The scenarios that don't disturb one another, at the same time on one control plane, each in a namespace of its own.
func TestForescale(t *testing.T) {
	scenarios := []struct {
		name string
		run  func(*testing.T)
	}{
		{"a Deployment is scaled ahead of a ramp it has seen on the days before", aDeploymentIsScaledAheadOfARampItHasSeenOnTheDaysBefore},
		{"lands exactly on the plan with tolerance 0", landsExactlyOnThePlanWithTolerance0},
		{"without tolerance, the number told leads out of the dead band", withoutToleranceTheNumberToldLeadsOutOfTheDeadBand},
		{"wakes from zero before the load, and goes back", wakesFromZeroBeforeTheLoadAndGoesBack},
		{"two triggers of ours on one ScaledObject", twoTriggersOfOursOnOneScaledObject},
		{"migrated from the prometheus trigger by one line", migratedFromThePrometheusTriggerByOneLine},
		{"over mutual TLS", overMutualTLS},
		{"Forescale is killed while a CPU or cron trigger is beside it", forescaleIsKilledWhileACPUOrCronTriggerIsBesideIt},
		{"a ScaledObject is deleted and created again", aScaledObjectIsDeletedAndCreatedAgain},
		{"a PredictiveAutoscaler scales a workload and gives way to its user", aPredictiveAutoscalerScalesAWorkloadAndGivesWayToItsUser},
		{"running pods are resized in place, a few at a time", runningPodsAreResizedInPlaceAFewAtATime},
		{"the metric of any trigger, handed on by KEDA, without a Prometheus", theMetricOfAnyTriggerHandedOnByKEDAWithoutAPrometheus},
		{"the plan as series, for KEDA's prometheus trigger", thePlanAsSeriesForKEDAsPrometheusTrigger},
		{"without KEDA", withoutKEDA},
		{"learns min, max, tolerance and lead time from the cluster without any metadata", learnsMinMaxToleranceAndLeadTimeFromTheClusterWithoutAnyMetadata},
		{"with a ServiceAccount of fewer rights everything still works on defaults", withAServiceAccountOfFewerRightsEverythingStillWorksOnDefaults},
		{"KEDA and the HPA say what the guide quotes", kedaAndTheHPASayWhatTheGuideQuotes},
		{"a rolling update of Forescale with two replicas fails no read", aRollingUpdateOfForescaleWithTwoReplicasFailsNoRead},
	}
	for _, scenario := range scenarios {
		t.Run(scenario.name, func(t *testing.T) {
			t.Parallel()
			scenario.run(t)
		})
	}
}

// It comes last and alone: every scenario depends on KEDA.
func TestKEDA(t *testing.T) {
	t.Run("KEDA is restarted", kedaIsRestarted)
}
