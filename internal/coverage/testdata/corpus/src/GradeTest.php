<?php

require_once __DIR__ . '/Grade.php';

class GradeTest extends PHPUnit\Framework\TestCase
{
    public function testGrade(): void
    {
        $this->assertSame(2, (new Grade())->grade(60));
    }
}
