//! How many requests may be sent to a server again, whoever sends them.

use crate::error::ErrorKind;

/// Repeats that all connections to a server have left: they cost, successes earn. So a server that
/// fails is asked little more than one that does not.
#[derive(Debug)]
pub(super) struct Budget(u32);

/// What it begins with, and never exceeds.
const WHOLE: u32 = 500;
/// What a repeat costs.
const REPEAT: u32 = 5;
/// What a repeat after a timeout costs: it binds a server for longer.
const REPEAT_AFTER_TIMEOUT: u32 = 10;

impl Default for Budget {
    fn default() -> Self {
        Self(WHOLE)
    }
}

impl Budget {
    /// Pays for a repeat after a failure of that kind; false: there is not enough left.
    pub fn spend(&mut self, kind: ErrorKind) -> bool {
        let cost = match kind {
            ErrorKind::Timeout => REPEAT_AFTER_TIMEOUT,
            _ => REPEAT,
        };
        let left = self.0.checked_sub(cost);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }

    /// A request succeeded.
    pub fn earn(&mut self) {
        self.0 = (self.0 + 1).min(WHOLE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeats(budget: &mut Budget, kind: ErrorKind) -> usize {
        std::iter::repeat_with(|| budget.spend(kind))
            .take_while(|paid| *paid)
            .count()
    }

    #[test]
    fn r183_repeats_cost_more_after_timeouts_and_successes_earn_them_back() {
        let mut budget = Budget::default();
        budget.earn();
        assert_eq!(repeats(&mut budget, ErrorKind::Http), 100);
        assert!(!budget.spend(ErrorKind::Http));
        for _ in 0..10 {
            budget.earn();
        }
        assert_eq!(repeats(&mut budget, ErrorKind::Timeout), 1);
        assert_eq!(repeats(&mut Budget::default(), ErrorKind::Timeout), 50);
    }
}
