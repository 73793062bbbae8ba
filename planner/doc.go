// Package planner turns a job into a plan and a plan into tasks. It is pure: it
// has no clock, network or chance, so that every node that compiles the same
// job gets the same plan and the same digest.
package planner
