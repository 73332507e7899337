<?php

class Grade
{
    public function grade(int $points): int
    {
        if ($points > 90 || $points === 42) {
            return 1;
        } elseif ($points > 50) {
            return 2;
        }

        return 3;
    }

    public function never(): void
    {
        echo 'never';
    }
}
