package e2e

import (
	"time"

	"forescale/tests/e2e/harness"
)

// The loads of all scenarios. Times are since the run's epoch, shortly before the first scenario begins.
const (
	rampBegins = 4 * time.Minute
	rampTakes  = 2 * time.Minute
	rampEnds   = 7*time.Minute + 30*time.Second

	jobBegins = 4*time.Minute + 30*time.Second
	jobEnds   = 6*time.Minute + 30*time.Second

	firstStep  = 3 * time.Minute
	secondStep = 5 * time.Minute

	// The cluster without KEDA is built after the other one. The steps lie further apart than a plan looks: its lead time, and two
	// minutes that a change should last. On the days before it has seen them all, and one that is near is served with the last.
	firstGrasped  = 5 * time.Minute
	secondGrasped = 9 * time.Minute
	thirdGrasped  = 12 * time.Minute

	stairsBegin = 2*time.Minute + 30*time.Second
	stairsEnd   = 11 * time.Minute
)

// stairs is a load for one replica, then for four, and then for one more each minute: a scale-up each.
func stairs() harness.Load {
	load := harness.Flat(150)
	for step := range 8 {
		load = harness.From(stairsBegin+time.Duration(step)*time.Minute, load, harness.Flat(float64(350+100*step)))
	}
	return load
}

var loads = map[string]harness.Load{
	// 2 to 10 replicas, every day at this minute of each hour.
	"ahead": harness.Every(time.Hour, harness.Hill(150, 980, rampBegins, rampTakes, rampEnds)),
	// Nothing but two minutes of each hour.
	"sleeper": harness.Every(time.Hour, harness.Hill(0, 280, jobBegins, 5*time.Second, jobEnds)),
	// 20 replicas on all days, and today three more, then one more.
	"exact":   harness.From(secondStep, harness.From(firstStep, harness.Flat(1950), harness.Flat(2260)), harness.Flat(2360)),
	"orders":  harness.From(firstStep, harness.Flat(280), harness.Flat(680)),
	"basket":  harness.From(secondStep, harness.Flat(380), harness.Flat(880)),
	"moved":   harness.Flat(750),
	"secured": harness.Flat(450),
	"worded":  harness.Flat(450),
	"killed":  harness.Flat(550),
	"rolled":  harness.Flat(650),
	"again":   harness.Flat(350),
	"kept":    harness.Flat(850),
	"backlog": harness.From(firstStep, harness.Flat(480), harness.Flat(880)),
	"adapted": harness.From(firstStep, harness.Flat(280), harness.Flat(680)),
	"unaided": harness.From(firstStep, harness.Flat(480), harness.Flat(880)),
	// Below the HPA's minimum, then 12 replicas, then a step within its tolerance, then beyond its maximum.
	"grasped":  harness.From(thirdGrasped, harness.From(secondGrasped, harness.From(firstGrasped, harness.Flat(150), harness.Flat(1180)), harness.Flat(1380)), harness.Flat(2950)),
	"shifted":  harness.From(firstStep, harness.Flat(380), harness.Flat(780)),
	"operated": harness.Flat(620),
	"resized":  harness.Flat(620),
	"asleep":   harness.Flat(0),
	// Below the ScaledObject's minimum, then a replica more each minute, then beyond its maximum.
	"known": harness.From(stairsEnd, stairs(), harness.Flat(1950)),
	"blind": harness.Flat(450),
}
