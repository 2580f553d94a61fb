package checklist

// Steps is the page, instruction by instruction, in the order they are run.
// A step is declared in its own file, step_<id>.go.
func Steps() []Step {
	return []Step{
		stepPreflight,
		stepPython,
		stepUsers,
		stepPackages,
		stepHostname,
		stepScreen,
		stepBashCompletion,
		stepEditor,
		stepFirewall,
		stepNetwork, // after the firewall, whose script it refers to
		stepNICName,
		stepFail2ban,
		stepTimezone,
		stepTime,
		stepDNS,
		stepIPsec,
		stepPostfix,
		stepSNMP,
		stepLogging,
		stepReboot,
	}
}

// StepByID finds a step.
func StepByID(id string) (Step, bool) {
	for _, s := range Steps() {
		if s.ID == id {
			return s, true
		}
	}
	return Step{}, false
}
